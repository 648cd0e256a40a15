#include "agent/data/filesync/store/kept_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {
namespace {

Error failure(const std::string& path) {
  return Error{ErrorCode::system, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
}

}  // namespace

Status keep_file(const std::string& folder, const std::string& name, const std::string& content) {
  ::mkdir(folder.c_str(), 0750);
  const std::string path = folder + "/" + name;
  const std::string fresh = path + ".new";
  const platform::Fd file{::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640)};
  if (!file || ::write(file.number(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::fsync(file.number()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
    return failure(path);
  const platform::Fd directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || ::fsync(directory.number()) != 0) return failure(folder);
  return success();
}

std::optional<std::string> kept_file(const std::string& folder, const std::string& name) {
  std::ifstream file{folder + "/" + name, std::ios::binary};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace clusteragent::filesync
