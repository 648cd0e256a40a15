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

Result<std::string> read_private_file(const std::string& path) {
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
  return std::string{text.data(), static_cast<std::size_t>(length)};
}

Result<wire::Key> load_key(const std::string& path) {
  const auto text = read_private_file(path);
  if (!text) return text.error();
  return wire::parse_key(*text, path);
}

Status save_key(const std::string& path, const wire::Key& key, bool replaces) {
  return write_private_file(path, wire::format_key(key), replaces);
}

Status sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return failed(folder, "cannot open");
  const int outcome = ::fsync(handle);
  const int reason = errno;
  ::close(handle);
  errno = reason;
  return outcome == 0 ? success() : Status{failed(folder, "cannot fsync")};
}

Status write_private_file(const std::string& path, const std::string& text, bool replaces) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed(temporary, "cannot create");
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
  if (outcome == 0) return sync_folder_of(path);
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
