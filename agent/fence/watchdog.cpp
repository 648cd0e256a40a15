#include "agent/fence/watchdog.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace clusteragent::fence {
namespace {

using std::chrono::seconds;

// As the guard's patience before it stops the application of an agent that stands still.
constexpr Duration patience_min = seconds{5};
constexpr Duration busy_machine = seconds{10};

}  // namespace

seconds watchdog_timeout(Duration heartbeat_timeout) {
  return std::chrono::ceil<seconds>(std::max(heartbeat_timeout, patience_min) + busy_machine);
}

Status check_watchdog(const std::string& device) {
  struct stat found {};
  const bool is_there = ::stat(device.c_str(), &found) == 0;
  if (is_there && S_ISCHR(found.st_mode)) return success();
  return Error{
      ErrorCode::configuration,
      fmt::format("<heart watchdog=\"{}\">: {} on this machine. Load the driver of its watchdog (softdog, where "
                  "the hardware has none), or remove the attribute",
                  device, is_there ? "that is no character device" : "there is no such device")};
}

}  // namespace clusteragent::fence
