#include "agent/transport/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace clusteragent::transport {
namespace {

Error failed(const std::string& path, const char* what) {
  return Error{ErrorCode::configuration, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

}  // namespace

Result<wire::Key> load_key(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) {
    return Error{
        ErrorCode::configuration,
        fmt::format("{} is missing: make it with `clusteragent keygen` on one node and copy it to the other", path)};
  }
  if (file < 0) return failed(path, "cannot open");
  struct stat facts {};
  std::array<char, 256> text{};
  const bool has_facts = ::fstat(file, &facts) == 0;
  const ssize_t length = ::read(file, text.data(), text.size());
  ::close(file);
  if (!has_facts || length < 0) return failed(path, "cannot read");
  if ((facts.st_mode & 077) != 0) {
    return Error{ErrorCode::configuration, fmt::format("{} may be read by others (mode {:04o}): chmod 600 {}", path,
                                                       facts.st_mode & 07777, path)};
  }
  // Root may read every file; the owner could put a key of his own there.
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid()) {
    return Error{ErrorCode::configuration,
                 fmt::format("{} belongs to user {} and not to the agent's: chown root {}", path, facts.st_uid, path)};
  }
  return wire::parse_key({text.data(), static_cast<std::size_t>(length)}, path);
}

Status save_key(const std::string& path, const wire::Key& key, bool replaces) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed(temporary, "cannot create");
  const std::string text = wire::format_key(key);
  const bool is_written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!is_written) {
    const Error error = failed(temporary, "cannot write");
    ::unlink(temporary.c_str());
    return error;
  }
  // link() fails where the name is taken, which rename() would not notice.
  const int outcome = replaces ? ::rename(temporary.c_str(), path.c_str()) : ::link(temporary.c_str(), path.c_str());
  const int reason = errno;
  ::unlink(temporary.c_str());
  if (outcome == 0) return success();
  if (reason == EEXIST) {
    return Error{ErrorCode::refused,
                 fmt::format("{} exists already; a new key cuts this node off from the other until it has it too: "
                             "--force replaces it",
                             path)};
  }
  errno = reason;
  return failed(path, "cannot write");
}

}  // namespace clusteragent::transport
