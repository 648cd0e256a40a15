#include "agent/watch/service_state.hpp"

#include <charconv>

namespace clusteragent::watch {

std::vector<std::string> service_query(const std::string& unit) {
  return {"systemctl", "show", "--property=LoadState,ActiveState,SubState,MainPID", "--", unit};
}

ServiceState parse_service_state(std::string_view output) {
  ServiceState state;
  while (!output.empty()) {
    const auto end = output.find('\n');
    const std::string_view line = output.substr(0, end);
    output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (key == "LoadState") state.is_known = value == "loaded";
    if (key == "ActiveState") state.active = std::string{value};
    if (key == "SubState") state.sub = std::string{value};
    if (key == "MainPID" &&
        std::from_chars(value.data(), value.data() + value.size(), state.main_pid).ec != std::errc{}) {
      state.main_pid = 0;
    }
  }
  return state;
}

}  // namespace clusteragent::watch
