#include "agent/witness/sealed_text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>

namespace clusteragent::witness {
namespace {

constexpr std::string_view checksum_key = "checksum=";
// Ours have ten short lines.
constexpr std::size_t file_bytes_max = 4096;

std::string checksum_of(std::string_view text) {
  return fmt::format("{:016x}", XXH64(text.data(), text.size(), 0));
}

std::string failure(const char* what, const std::string& path) {
  return fmt::format("{} {}: {}", what, path, std::strerror(errno));
}

Error damaged(std::string what) {
  return Error{ErrorCode::corrupt, std::move(what)};
}

bool write_whole(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Empty: it is on disk.
std::string write_temporary(const std::string& path, std::string_view text, bool is_durable) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failure("cannot create", path);
  std::string problem;
  if (!write_whole(file, text)) {
    problem = failure("cannot write", path);
  } else if (is_durable && ::fsync(file) != 0) {
    problem = failure("cannot fsync", path);
  }
  ::close(file);
  if (!problem.empty()) ::unlink(path.c_str());  // a disk that is full has no room for it
  return problem;
}

std::string sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const int handle = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return failure("cannot open", directory);
  const bool is_synced = ::fsync(handle) == 0;
  const std::string problem = is_synced ? std::string{} : failure("cannot fsync", directory);
  ::close(handle);
  return problem;
}

}  // namespace

std::string seal(std::string_view heading, const Fields& fields) {
  std::string text = fmt::format("{}\n", heading);
  for (const auto& [key, value] : fields) text += fmt::format("{}={}\n", key, value);
  text += fmt::format("{}{}\n", checksum_key, checksum_of(text));
  return text;
}

Result<std::vector<std::string>> unseal(std::string_view heading, const std::vector<std::string>& keys,
                                        std::string_view text) {
  const auto first_end = text.find('\n');
  if (first_end == std::string_view::npos || text.substr(0, first_end) != heading) {
    return damaged(fmt::format("its first line is not \"{}\": of another version, or no such file", heading));
  }
  const auto checksum_at = text.rfind(checksum_key);
  if (checksum_at == std::string_view::npos) return damaged("cut off before its checksum");
  if (text.substr(checksum_at) != fmt::format("{}{}\n", checksum_key, checksum_of(text.substr(0, checksum_at)))) {
    return damaged("its checksum does not match its content");
  }
  std::vector<std::string> values;
  std::string_view rest = text.substr(0, checksum_at).substr(first_end + 1);
  for (const std::string& key : keys) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos || !rest.starts_with(key + "="))
      return damaged(fmt::format("{} is missing", key));
    values.emplace_back(rest.substr(key.size() + 1, end - key.size() - 1));
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty()) return damaged("more lines than expected");
  return values;
}

Result<std::optional<std::string>> read_small_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::optional<std::string>{};
  if (file < 0) return Error{ErrorCode::system, failure("cannot open", path)};
  std::string text(file_bytes_max, '\0');
  const ssize_t length = ::read(file, text.data(), text.size());
  const std::string problem = length < 0 ? failure("cannot read", path) : std::string{};
  ::close(file);
  if (!problem.empty()) return Error{ErrorCode::system, problem};
  text.resize(static_cast<std::size_t>(length));
  return std::optional{std::move(text)};
}

Replacement replace_file(const std::string& path, std::string_view text, bool is_durable) {
  const std::string temporary = path + ".new";
  if (std::string problem = write_temporary(temporary, text, is_durable); !problem.empty()) {
    return {Replaced::unchanged, std::move(problem)};
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    std::string problem = failure("cannot replace", path);
    ::unlink(temporary.c_str());
    return {Replaced::unchanged, std::move(problem)};
  }
  if (!is_durable) return {};
  if (std::string problem = sync_directory_of(path); !problem.empty()) {
    return {Replaced::uncertain, std::move(problem)};
  }
  return {};
}

}  // namespace clusteragent::witness
