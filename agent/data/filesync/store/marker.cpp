#include "agent/data/filesync/store/marker.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {
namespace {

Error failure(const std::string& what, const std::string& path) {
  return Error{ErrorCode::system, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

}  // namespace

bool Marker::is_set() const {
  return ::access(path().c_str(), F_OK) == 0;
}

Status Marker::set(bool on) const {
  if (on) {
    ::mkdir(folder_.c_str(), 0750);
    const platform::Fd file{::open(path().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0640)};
    if (!file || ::fsync(file.number()) != 0) return failure("cannot write", path());
  } else if (::unlink(path().c_str()) != 0 && errno != ENOENT) {
    return failure("cannot remove", path());
  }
  const platform::Fd folder{::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!on && !folder && errno == ENOENT) return success();
  if (!folder || ::fsync(folder.number()) != 0) return failure("cannot write", folder_);
  return success();
}

}  // namespace clusteragent::filesync
