#include "agent/data/filesync/engine/own_threads.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// Less in a second is no work: to look at the threads would cost as much.
constexpr std::chrono::milliseconds work_min{10};
constexpr const char* own_threads = "/proc/self/task";

Duration time_on_processors() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

template <class Action>
void for_each_thread(Action action) {
  std::error_code error;
  std::filesystem::directory_iterator each{own_threads, error};
  for (; !error && each != std::filesystem::directory_iterator{}; each.increment(error))
    action(static_cast<pid_t>(std::stoi(each->path().filename())));
}

std::string whole_text(const char* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

OwnThreads::OwnThreads() : looked_at_{platform::boottime_now()}, ran_{time_on_processors()} {
  // Refused where the kernel knows more processors than fit: everything stays as it is.
  if (::sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) return;
  std::vector<std::size_t> numbers;
  for (std::size_t each = 0; each < CPU_SETSIZE; ++each) {
    if (CPU_ISSET(each, &allowed_)) numbers.push_back(each);
  }
  if (numbers.size() < 2) return;
  placed_ = allowed_;
  placement_.emplace(std::move(numbers));
}

Duration OwnThreads::waited_since_last() {
  std::map<pid_t, Duration> now;
  for_each_thread([&now](pid_t thread) {
    // proc_pid_schedstat: time on a processor, time waiting for one, times that it was given one.
    std::ifstream file{fmt::format("{}/{}/schedstat", own_threads, thread)};
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (file >> ran >> waited) now[thread] = Duration{waited};
  });
  Duration sum{};
  for (const auto& [thread, waited] : now) {
    const auto before = waited_.find(thread);
    if (before != waited_.end()) sum += std::max(Duration::zero(), waited - before->second);
  }
  waited_ = std::move(now);
  return sum;
}

bool OwnThreads::is_placed_by_somebody() const {
  cpu_set_t now;
  return ::sched_getaffinity(0, sizeof now, &now) != 0 || CPU_EQUAL(&now, &placed_) == 0;
}

void OwnThreads::run_on(const cpu_set_t& wanted) {
  placed_ = wanted;
  // All of them each time: a thread that was begun meanwhile has the place of the one that began it.
  for_each_thread([&wanted](pid_t thread) { ::sched_setaffinity(thread, sizeof wanted, &wanted); });
  if (is_placed_by_somebody()) placement_.reset();
}

void OwnThreads::place() {
  const Instant now = platform::boottime_now();
  if (!placement_ || now - looked_at_ < Placement::look_pause) return;
  const Duration ran = time_on_processors();
  ThreadsUse use{.elapsed = now - looked_at_, .ran = ran - ran_};
  looked_at_ = now;
  ran_ = ran;
  if (use.ran < work_min) return;
  if (is_placed_by_somebody()) return placement_.reset();
  use.waited = waited_since_last();
  if (placement_->wants_interrupts(now))
    placement_->saw_interrupts(device_interrupts(whole_text("/proc/interrupts")), now);
  cpu_set_t wanted = allowed_;
  if (const auto one = placement_->decide(use, processor_times(whole_text("/proc/stat")), now)) {
    CPU_ZERO(&wanted);
    CPU_SET(*one, &wanted);
  }
  run_on(wanted);
}

}  // namespace clusteragent::filesync
