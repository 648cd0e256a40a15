#include "agent/data/filesync/store/descriptor_limit.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

namespace clusteragent::filesync {
namespace {

constexpr rlim_t wanted_descriptors = 1024 * 1024;
constexpr rlim_t cached_part = 4;
// What is used at a time is far less in most directories; the rest costs the system memory and saves nothing.
constexpr rlim_t cached_max = 4096;

rlimit current_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit = current_limit();
  limit.rlim_cur = limit.rlim_max = std::max(limit.rlim_max, wanted_descriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  limit = current_limit();
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t cached_descriptors_max() {
  return std::min(current_limit().rlim_cur / cached_part, cached_max);
}

std::string error_text(int error) {
  const char* text = std::strerror(error);
  if (error == EMFILE) {
    return fmt::format(
        "{}: the engine may have {} descriptors, and each file that an application has open needs one. "
        "Raise LimitNOFILE= of clusteragent@.service (systemctl edit)",
        text, current_limit().rlim_cur);
  }
  if (error == ENFILE) return fmt::format("{}: this machine has no descriptors left; raise fs.file-max (sysctl)", text);
  return text;
}

}  // namespace clusteragent::filesync
