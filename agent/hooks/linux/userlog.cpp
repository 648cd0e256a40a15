#include "agent/hooks/userlog.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

namespace clusteragent::hooks {
namespace {

using std::chrono::milliseconds;

// A script that writes a gigabyte a second gets this much beyond its limit.
constexpr milliseconds look_while_running{200};
// A server that chatters on its standard output is cut this often.
constexpr milliseconds look_while_idle{10'000};
// A name is taken only when the clock was set back before the agent started.
constexpr int name_attempts_max = 100;
constexpr std::uint64_t kept_bytes_max = 1024ULL * 1024;

std::string reason(int error) {
  return std::generic_category().message(error);
}

Result<std::string> read_end(int file, std::uint64_t size, std::uint64_t bytes) {
  std::string text(static_cast<std::size_t>(std::min(bytes, size)), '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), static_cast<off_t>(size - text.size()));
  if (got < 0) return Error{ErrorCode::system, reason(errno)};
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace

Status shrink_userlog(const std::string& path, std::uint64_t bytes_max) {
  const auto failure = [&path](int error) {
    return Error{ErrorCode::system, fmt::format("userlog {} cannot be cut: {}", path, reason(error))};
  };
  const Fd file{::open(path.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC)};
  if (!file) return failure(errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return failure(errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= bytes_max) return success();
  Result<std::string> kept = read_end(file.number(), size, std::min(bytes_max / 2, kept_bytes_max));
  if (!kept.ok()) return kept.error();
  if (const auto line_end = kept->find('\n'); line_end != std::string::npos) kept->erase(0, line_end + 1);
  if (::ftruncate(file.number(), 0) != 0) return failure(errno);
  const std::string text =
      fmt::format("[clusteragent: the userlog reached {} bytes; {} earlier bytes were dropped]\n{}", bytes_max,
                  size - kept->size(), *kept);
  if (::write(file.number(), text.data(), text.size()) < 0) return failure(errno);
  return success();
}

Result<Userlog> UserlogKeeper::create(std::string_view script) {
  std::error_code problem;
  std::filesystem::create_directories(directory_, problem);
  if (problem) {
    return Error{ErrorCode::system,
                 fmt::format("userlog directory {} cannot be made: {}", directory_, problem.message())};
  }
  remove_surplus();
  auto moment = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
  {
    // Names grow even within a millisecond and when the clock is set back: they are what tells old from new.
    const std::scoped_lock lock{mutex_};
    moment = std::max(moment, last_moment_ + milliseconds{1});
    last_moment_ = moment;
  }
  for (int attempt = 0; attempt < name_attempts_max; ++attempt, moment += milliseconds{1}) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(moment);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    const auto fraction = static_cast<unsigned>(moment.time_since_epoch().count() % 1000);
    std::string path = directory_ + "/" + userlog_name(local, fraction, script);
    const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file >= 0) return Userlog{Fd{file}, std::move(path)};
    if (errno != EEXIST) {
      return Error{ErrorCode::system, fmt::format("userlog {} cannot be made: {}", path, reason(errno))};
    }
  }
  return Error{ErrorCode::system, fmt::format("userlog directory {}: no free name", directory_)};
}

void UserlogKeeper::remove_surplus() const {
  std::error_code problem;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry{directory_, problem}, end; !problem && entry != end;
       entry.increment(problem)) {
    names.push_back(entry->path().filename().string());
  }
  // One place is left for the file that is about to be made.
  for (const std::string& name : surplus_userlogs(std::move(names), files_max_ - 1)) {
    std::filesystem::remove(directory_ + "/" + name, problem);
  }
}

void UserlogKeeper::look_at_sizes() const {
  std::error_code problem;
  for (std::filesystem::directory_iterator entry{directory_, problem}, end; !problem && entry != end;
       entry.increment(problem)) {
    if (userlog_script(entry->path().filename().string()).empty()) continue;
    std::error_code unreadable;
    const auto size = entry->file_size(unreadable);
    // A file that cannot be cut now is looked at again in the next turn.
    if (!unreadable && size > bytes_max_) static_cast<void>(shrink_userlog(entry->path().string(), bytes_max_));
  }
}

void UserlogKeeper::run_began() {
  const std::scoped_lock lock{mutex_};
  ++running_;
  was_used_ = true;
  changed_.notify_all();
}

void UserlogKeeper::run_ended() {
  const std::scoped_lock lock{mutex_};
  --running_;
}

void UserlogKeeper::close() {
  const std::scoped_lock lock{mutex_};
  is_closed_ = true;
  changed_.notify_all();
}

bool UserlogKeeper::wait_for_turn() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return is_closed_ || was_used_; });
  const std::size_t running_before = running_;
  changed_.wait_for(lock, running_before > 0 ? look_while_running : look_while_idle,
                    [this, running_before] { return is_closed_ || (running_before == 0 && running_ > 0); });
  return !is_closed_;
}

void UserlogKeeper::serve() {
  while (wait_for_turn()) look_at_sizes();
}

}  // namespace clusteragent::hooks
