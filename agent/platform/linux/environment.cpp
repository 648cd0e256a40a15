#include "agent/platform/environment.hpp"

#include <algorithm>
#include <cstdlib>

namespace clusteragent::platform {

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  std::string text{value};
  const auto is_printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (!std::all_of(text.begin(), text.end(), is_printable)) return std::nullopt;
  return text;
}

}  // namespace clusteragent::platform
