#include "agent/base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace clusteragent {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "<2>clusteragent: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

namespace log {
namespace {

// A disk that hangs must not fill the memory: what does not fit any more is counted instead.
constexpr std::size_t waiting_lines_max = 4096;

struct Line {
  std::string to_standard_error;
  std::string to_file;
};

struct Sink {
  std::mutex mutex;
  std::condition_variable wake;
  std::string module = "-";
  std::shared_ptr<spdlog::sinks::rotating_file_sink_mt> file;
  std::deque<Line> waiting;
  std::size_t dropped = 0;
  bool has_writer = false;
};

Sink& sink() {
  // Never destroyed: the writer waits on it to the very end, and a condition variable that is destroyed under a waiter
  // waits for that waiter for ever (pthread_cond_destroy(3)).
  static auto* const instance = new Sink;
  return *instance;
}

std::atomic<bool> debug_enabled{false};

// journald gives a priority to each line from a leading <n> (sd-daemon(3)) and stamps the time itself.
bool standard_error_is_journal() {
  static const bool is_journal = std::getenv("JOURNAL_STREAM") != nullptr && isatty(STDERR_FILENO) == 0;
  return is_journal;
}

int syslog_priority(Level level) {
  switch (level) {
    case Level::critical:
      return 2;
    case Level::event:
      return 5;
    case Level::user:
    case Level::script:
      return 5;
    case Level::info:
      return 6;
    case Level::debug:
      return 7;
  }
  return 6;
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto since_epoch = now.time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count() % 1000000;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}", fmt::localtime(std::chrono::system_clock::to_time_t(now)), micros);
}

void write_out(const Line& line, spdlog::sinks::rotating_file_sink_mt* file) {
  fmt::print(stderr, "{}\n", line.to_standard_error);
  if (file == nullptr) return;
  try {
    file->log(spdlog::details::log_msg{spdlog::string_view_t{}, spdlog::level::info, line.to_file});
    file->flush();
  } catch (const spdlog::spdlog_ex& failure) {
    fmt::print(stderr, "the log cannot be written: {}\n", failure.what());
  }
}

void run_writer() {
  auto& state = sink();
  std::unique_lock lock{state.mutex};
  while (true) {
    state.wake.wait(lock, [&state] { return !state.waiting.empty(); });
    // It stays in the queue while it is written, so that flush() knows when all is done.
    const Line line = state.waiting.front();
    const auto file = state.file;
    const std::size_t dropped = std::exchange(state.dropped, 0);
    lock.unlock();
    if (dropped > 0) {
      const std::string note = fmt::format("{} lines were dropped while the log could not be written", dropped);
      write_out({note, note}, file.get());
    }
    write_out(line, file.get());
    lock.lock();
    state.waiting.pop_front();
    state.wake.notify_all();
  }
}

}  // namespace

void start_writer() {
  auto& state = sink();
  const std::lock_guard lock{state.mutex};
  if (std::exchange(state.has_writer, true)) return;
  // Detached: a disk that hangs at the very end must not keep the process from ending.
  std::thread{run_writer}.detach();
}

void flush(Duration limit) {
  auto& state = sink();
  std::unique_lock lock{state.mutex};
  state.wake.wait_for(lock, limit, [&state] { return state.waiting.empty(); });
}

Status set_file(const std::string& path, std::size_t bytes_max) {
  constexpr std::size_t rotated_files_max = 3;
  auto& state = sink();
  const std::lock_guard lock{state.mutex};
  const mode_t previous = umask(0027);
  try {
    state.file = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, bytes_max, rotated_files_max);
    state.file->set_pattern("%v");
  } catch (const spdlog::spdlog_ex& failure) {
    umask(previous);
    return Error{ErrorCode::system, fmt::format("cannot open the log {}: {}", path, failure.what())};
  }
  umask(previous);
  return success();
}

void set_module(std::string module) {
  const std::lock_guard lock{sink().mutex};
  sink().module = std::move(module);
}

void enable_debug(bool on) {
  debug_enabled = on;
}

void write(Level level, std::string_view component, std::string_view text) {
  if (level == Level::debug && !debug_enabled) return;
  auto& state = sink();
  const std::lock_guard lock{state.mutex};
  const char letter = static_cast<char>(level);
  const std::string line = fmt::format("{} | {} | {} | {}", timestamp(), component, letter, text);
  Line whole{line, line};
  if (standard_error_is_journal()) {
    whole.to_standard_error =
        fmt::format("<{}>{} | {} | {} | {}", syslog_priority(level), state.module, component, letter, text);
  }
  if (!state.has_writer) {
    write_out(whole, state.file.get());
  } else if (state.waiting.size() >= waiting_lines_max) {
    ++state.dropped;
  } else {
    state.waiting.push_back(std::move(whole));
    state.wake.notify_all();
  }
}

}  // namespace log
}  // namespace clusteragent
