#pragma once
// What the service manager says of a unit. Pure.
#include <string>
#include <string_view>
#include <vector>

namespace clusteragent::watch {

struct ServiceState {
  bool is_known = false;  // the unit is loaded
  std::string active;     // ActiveState of systemd
  std::string sub;        // SubState
  int main_pid = 0;       // 0: none, or the manager does not know it

  /// Up, or on its way with a process of its own. Waiting to be restarted is down.
  bool is_running() const {
    return active == "active" || active == "reloading" || (active == "activating" && main_pid > 0);
  }
};

/// `systemctl show` with the properties that parse_service_state reads.
std::vector<std::string> service_query(const std::string& unit);
ServiceState parse_service_state(std::string_view output);

}  // namespace clusteragent::watch
