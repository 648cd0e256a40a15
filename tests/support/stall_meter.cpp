// How long the machine itself gave a processor to nobody: a thread on each processor, above everything that a test
// measures, asks to be woken every millisecond and writes down how late it was. A hypervisor that takes the processors
// away, or a processor that real-time threads hold, shows here; a program under test that is merely slow does not.
//   stall_meter [--least-ms 5]
// Says `ready`, and measures until SIGTERM; then one line: {"longest_ms": ..., "stalls": [{"from_ns", "to_ns",
// "processor"}]}
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/support/measure.hpp"

namespace {

using clusteragent::measure::fail;
using clusteragent::measure::monotonic_ns;

constexpr std::int64_t period_ns = 1'000'000;
constexpr int priority_above_all_tools = 90;

struct Stall {
  std::int64_t from_ns;
  std::int64_t to_ns;
  std::size_t processor;
};

struct Watch {
  std::size_t processor = 0;
  std::int64_t longest_ns = 0;
  std::vector<Stall> stalls{};
};

std::vector<std::size_t> own_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("cannot read the processors");
  std::vector<std::size_t> found;
  for (std::size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &allowed)) found.push_back(processor);
  }
  return found;
}

void watch(Watch& result, std::int64_t least_ns) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(result.processor, &one);
  static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof one, &one));
  const sched_param priority{priority_above_all_tools};
  static_cast<void>(pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority));
  std::int64_t last = monotonic_ns();
  while (!clusteragent::measure::is_stopping) {
    const timespec nap{0, period_ns};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
    const std::int64_t now = monotonic_ns();
    const std::int64_t late = now - last - period_ns;
    result.longest_ns = std::max(result.longest_ns, late);
    if (late >= least_ns) result.stalls.push_back({last, now, result.processor});
    last = now;
  }
}

}  // namespace

int main(int count, char** words) {
  const clusteragent::measure::Words options{count, words, "usage: stall_meter [--least-ms N]"};
  const std::int64_t least_ns = options.number("least-ms", 5) * 1'000'000;
  clusteragent::measure::prepare_process();
  fmt::print("ready\n");
  std::fflush(stdout);
  std::vector<Watch> watches;
  for (const std::size_t processor : own_processors()) watches.push_back({.processor = processor});
  {
    std::vector<std::jthread> threads;
    for (Watch& one : watches) threads.emplace_back([&one, least_ns] { watch(one, least_ns); });
  }
  std::int64_t longest_ns = 0;
  std::string stalls;
  for (const Watch& one : watches) {
    longest_ns = std::max(longest_ns, one.longest_ns);
    for (const Stall& stall : one.stalls) {
      stalls += fmt::format(R"({}{{"from_ns": {}, "to_ns": {}, "processor": {}}})", stalls.empty() ? "" : ", ",
                            stall.from_ns, stall.to_ns, stall.processor);
    }
  }
  fmt::print("{{\"longest_ms\": {:.3f}, \"stalls\": [{}]}}\n", clusteragent::measure::to_ms(longest_ns), stalls);
}
