#pragma once
// What the measuring tools share: clocks, an even beat, command line words, a stop flag. Linux, single-threaded tools.
//
// Times are CLOCK_MONOTONIC nanoseconds, which every process and every sandbox host of the machine shares (Python calls
// it time.monotonic_ns()). Errors end the tool with exit code 1 and a sentence: a measurement that half works misleads.
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <string_view>

namespace clusteragent::measure {

inline volatile std::sig_atomic_t is_stopping = 0;

[[noreturn]] inline void fail(std::string_view what) {
  fmt::print(stderr, "{}{}{}\n", what, errno == 0 ? "" : ": ", errno == 0 ? "" : std::strerror(errno));
  std::exit(1);
}

inline std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
inline std::int64_t monotonic_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

/// SIGTERM and SIGINT end the measurement in good order. A measuring tool that waits for the processor measures itself,
/// so it asks for real-time priority and locked memory; where that is refused it goes on without.
inline void prepare_process() {
  struct sigaction action {};
  action.sa_handler = [](int) { is_stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sched_param priority{};
  priority.sched_priority = 10;
  static_cast<void>(sched_setscheduler(0, SCHED_FIFO, &priority));
  static_cast<void>(mlockall(MCL_CURRENT | MCL_FUTURE));
}

/// `--name value` pairs; a repeated name collects its values.
class Words {
 public:
  Words(int count, char** words, std::string_view usage) : usage_{usage} {
    for (int index = 1; index < count; index += 2) {
      const std::string_view name = words[index];
      if (!name.starts_with("--") || index + 1 >= count) {
        stop();
      }
      values_.emplace(name.substr(2), words[index + 1]);
    }
  }
  std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      stop();
    }
    return found->second;
  }
  std::int64_t number(const std::string& name, std::int64_t otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      return otherwise;
    }
    std::int64_t value = 0;
    const std::string& text = found->second;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ptr != text.data() + text.size() || value < 0) {
      stop();
    }
    return value;
  }
  auto all(const std::string& name) const { return values_.equal_range(name); }

 private:
  [[noreturn]] void stop() const {
    errno = 0;
    fail(usage_);
  }
  std::string_view usage_;
  std::multimap<std::string, std::string> values_;
};

/// Waits until `until`, or until one of the descriptor's events is there, whichever comes first. True: readable.
inline bool wait_readable(int descriptor, std::int64_t until) {
  const std::int64_t left = until - monotonic_ns();
  if (left <= 0) {
    return false;
  }
  const timespec patience{left / 1'000'000'000, left % 1'000'000'000};
  pollfd entry{descriptor, POLLIN, 0};
  return ppoll(&entry, 1, &patience, nullptr) > 0;
}

inline double to_ms(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

}  // namespace clusteragent::measure
