#include "agent/base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

namespace clusteragent {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "<2>clusteragent: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

namespace log {
namespace {

struct Sink {
  std::mutex mutex;
  std::string module = "-";
  std::shared_ptr<spdlog::sinks::rotating_file_sink_mt> file;
};

Sink& sink() {
  static Sink instance;
  return instance;
}

std::atomic<bool> debug_enabled{false};

// journald gives a priority to each line from a leading <n> (sd-daemon(3)) and stamps the time itself.
bool standard_error_is_journal() {
  static const bool is_journal = std::getenv("JOURNAL_STREAM") != nullptr && isatty(STDERR_FILENO) == 0;
  return is_journal;
}

int syslog_priority(Level level) {
  switch (level) {
    case Level::critical: return 2;
    case Level::event: return 5;
    case Level::user:
    case Level::script: return 5;
    case Level::info: return 6;
    case Level::debug: return 7;
  }
  return 6;
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto since_epoch = now.time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count() % 1000000;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}", fmt::localtime(std::chrono::system_clock::to_time_t(now)), micros);
}

}  // namespace

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

void enable_debug(bool on) { debug_enabled = on; }

void write(Level level, std::string_view component, std::string_view text) {
  if (level == Level::debug && !debug_enabled) return;
  auto& state = sink();
  const std::lock_guard lock{state.mutex};
  const char letter = static_cast<char>(level);
  const std::string line = fmt::format("{} | {} | {} | {}", timestamp(), component, letter, text);
  if (standard_error_is_journal()) {
    fmt::print(stderr, "<{}>{} | {} | {} | {}\n", syslog_priority(level), state.module, component, letter, text);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  if (state.file) {
    state.file->log(spdlog::details::log_msg{spdlog::string_view_t{}, spdlog::level::info, line});
    state.file->flush();
  }
}

}  // namespace log
}  // namespace clusteragent
