#include "agent/cli/log_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace clusteragent::cli {
namespace {

// The agent keeps three; a few more are read where an administrator kept them.
constexpr int rotated_files_max = 9;
// A line that never ends (a file that is no log) must not fill the memory.
constexpr std::size_t partial_bytes_max = 1024 * 1024;

void append_lines(const std::string& file, std::size_t count, std::deque<std::string>& newest) {
  std::ifstream input{file};
  std::string line;
  while (std::getline(input, line)) {
    newest.push_back(std::move(line));
    if (newest.size() > count) newest.pop_front();
  }
}

}  // namespace

std::vector<std::string> log_files(const std::string& path) {
  const std::filesystem::path whole{path};
  std::vector<std::string> files;
  std::error_code error;
  for (int number = rotated_files_max; number > 0; --number) {
    const auto name = fmt::format("{}.{}{}", whole.stem().string(), number, whole.extension().string());
    const auto file = whole.parent_path() / name;
    if (std::filesystem::exists(file, error)) files.push_back(file);
  }
  if (std::filesystem::exists(whole, error)) files.push_back(path);
  return files;
}

LogReader::~LogReader() {
  if (file_ >= 0) ::close(file_);
}

bool LogReader::open() {
  if (file_ >= 0) ::close(file_);
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  return file_ >= 0;
}

Result<std::vector<std::string>> LogReader::last_lines(std::size_t count) {
  if (!open()) {
    const int reason = errno;
    const ErrorCode code = reason == ENOENT ? ErrorCode::unreachable : ErrorCode::system;
    return Error{code, fmt::format("cannot read {}: {}{}", path_, std::generic_category().message(reason),
                                   reason == ENOENT ? "; the module has not run here yet" : "")};
  }
  std::deque<std::string> newest;
  for (const std::string& file : log_files(path_)) {
    if (file != path_) append_lines(file, count, newest);
  }
  std::string text = take_all();
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    newest.push_back(text.substr(begin, end - begin));
    if (newest.size() > count) newest.pop_front();
    begin = end + 1;
  }
  partial_ = text.substr(begin);
  return std::vector<std::string>{newest.begin(), newest.end()};
}

bool LogReader::was_rotated() const {
  struct stat named {};
  struct stat opened {};
  if (::stat(path_.c_str(), &named) != 0) return false;  // between two renames: the new one comes
  return file_ < 0 || ::fstat(file_, &opened) != 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
}

std::string LogReader::take_all() {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t length = file_ < 0 ? 0 : ::read(file_, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(length));
  }
}

std::string LogReader::read_on() {
  // Asked before reading: what is written to the old file after its renaming is then still read here.
  const bool is_rotated = was_rotated();
  std::string text = std::exchange(partial_, {}) + take_all();
  if (is_rotated && open()) text += take_all();
  const std::size_t end = text.rfind('\n');
  if (end == std::string::npos) {
    if (text.size() < partial_bytes_max) partial_ = std::move(text);
    return {};
  }
  partial_ = text.substr(end + 1);
  text.resize(end + 1);
  return text;
}

}  // namespace clusteragent::cli
