#include "modules/mysql_replication/engine/server/log_keeper.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <mysql.h>
#include <sys/statvfs.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace clusteragent::mysql {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t megabyte = 1'000'000;

/// As the index file lists them, which is the order in which they were written.
Result<std::vector<LogFile>> logs_of(const std::string& index_path) {
  std::ifstream index{index_path};
  if (!index)
    return Error{ErrorCode::system,
                 fmt::format("cannot read the list of binary logs {}: {}", index_path, std::strerror(errno))};
  const fs::path folder = fs::path{index_path}.parent_path();
  std::vector<LogFile> logs;
  for (std::string line; std::getline(index, line);) {
    if (line.empty()) continue;
    const fs::path path = fs::path{line}.is_absolute() ? fs::path{line} : folder / fs::path{line}.filename();
    std::error_code gone;
    const auto bytes = fs::file_size(path, gone);
    // It was purged a moment ago.
    if (!gone) logs.push_back({path.filename().string(), bytes});
  }
  return logs;
}

Disk disk_of(const std::string& index_path) {
  struct statvfs about {};
  if (::statvfs(fs::path{index_path}.parent_path().c_str(), &about) != 0) return {};
  return {about.f_blocks * about.f_frsize, about.f_bavail * about.f_frsize};
}

}  // namespace

LogKeeper::LogKeeper(Target own, std::uint64_t bytes_max, Note note)
    : server_{std::move(own), looks_}, bytes_max_{bytes_max}, note_{std::move(note)}, thread_{[this] { run(); }} {}

LogKeeper::~LogKeeper() {
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void LogKeeper::look(std::vector<LogReader> readers, bool may_purge) {
  {
    const std::lock_guard lock{mutex_};
    asked_ = std::move(readers);
    may_purge_ = may_purge;
  }
  wanted_.notify_one();
}

LogKeeper::State LogKeeper::state() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

void LogKeeper::run() {
  mysql_thread_init();
  std::unique_lock lock{mutex_};
  for (;;) {
    wanted_.wait(lock, [this] { return asked_ || is_ending_; });
    if (is_ending_) break;
    const std::vector<LogReader> readers = std::move(*asked_);
    const bool may_purge = may_purge_;
    asked_.reset();
    lock.unlock();
    look_now(readers, may_purge);
    lock.lock();
  }
  mysql_thread_end();
}

void LogKeeper::look_now(const std::vector<LogReader>& readers, bool may_purge) {
  const auto index_path = server_.log_index();
  // A server that is not reached is told of by who looks at it.
  if (!index_path || index_path->empty()) return;
  const auto logs = logs_of(*index_path);
  if (!logs) return tell(logs.error().message);
  State now;
  now.files = logs->size();
  for (const LogFile& each : *logs) now.bytes += each.bytes;
  now.disk_problem = disk_problem(disk_of(*index_path));
  {
    // The rest may wait for a server whose disk is full.
    const std::lock_guard lock{mutex_};
    now.held_for = state_.held_for;
    state_ = now;
  }
  if (!may_purge) return;
  const RetentionPlan plan =
      plan_retention(*logs, bytes_max_, readers, [this](const LogFile& log) { return before(log); });
  {
    const std::lock_guard lock{mutex_};
    state_.held_for = plan.held_for;
  }
  if (plan.act == RetentionPlan::Act::purge) purge(plan);
  if (plan.act != RetentionPlan::Act::rotate) return;
  if (const Status done = server_.rotate_logs(); !done) tell("cannot begin a new binary log: " + done.error().message);
}

void LogKeeper::purge(const RetentionPlan& plan) {
  if (const Status done = server_.purge_logs(plan.first_kept); !done)
    return tell(fmt::format("cannot purge the binary logs before {}: {}", plan.first_kept, done.error().message));
  told_.clear();
  note_(plan.cut_off.empty() ? 'I' : 'C',
        fmt::format("{} binary logs before {} are purged, {} MB (binlog_limit){}", plan.files, plan.first_kept,
                    plan.bytes / megabyte,
                    plan.cut_off.empty() ? std::string{}
                                         : fmt::format(", although not everybody has them: {}. The disk would have "
                                                       "filled up; that node gets a copy of the data when it is back",
                                                       plan.cut_off)));
}

std::optional<Gtids> LogKeeper::before(const LogFile& log) {
  auto begin = server_.log_begin(log.name);
  if (begin) return std::move(*begin);
  tell("cannot find out what a binary log holds, so it is not purged: " + begin.error().message);
  return std::nullopt;
}

void LogKeeper::tell(const std::string& problem) {
  if (problem == told_) return;
  told_ = problem;
  note_('C', problem);
}

}  // namespace clusteragent::mysql
