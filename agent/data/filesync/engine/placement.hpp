#pragma once
// Placement: on which processors the threads of an engine run. PURE: told what the threads and the machine did, says
// where the threads belong.
//
// A promise wakes six threads one after the other (README.md, "Threads"). To wake one on another processor takes an
// interrupt of that processor, on a virtual machine an exit to the hypervisor on both sides, and costs more than what
// the thread then does; on the same processor it costs a change of context. So the threads stay together on one, as
// long as they need little of it, and are let go where they want more than one can give, or where it has no room while
// others have. Nothing else is kept from that processor: the kernel moves other work away by itself. Processors have
// the kernel's numbers (sched_setaffinity(2)). Threads: one. Errors: none; what is not known counts as nothing.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/time.hpp"

namespace clusteragent::filesync {

/// What all threads of the engine had since the last look.
struct ThreadsUse {
  Duration elapsed{};
  Duration ran{};     // on processors
  Duration waited{};  // able to run, without a processor; of all threads together
};

/// Of one processor since the machine started, in ticks of the kernel's.
struct ProcessorTime {
  std::uint64_t idle = 0;
  std::uint64_t all = 0;
};

class Placement {
 public:
  /// Those that the engine may use, ascending.
  explicit Placement(std::vector<std::size_t> allowed) : allowed_{std::move(allowed)} {}

  /// After each look in which the engine did something, and with the processors by their numbers: the one to be on from
  /// now on; nothing: all that it may use.
  std::optional<std::size_t> decide(const ThreadsUse& use, std::vector<ProcessorTime> processors, Instant now);
  /// To count them is work on a machine with many processors: asked for now and then.
  bool wants_interrupts(Instant now) const {
    return allowed_.size() > 1 && (!counted_at_ || now - *counted_at_ >= count_pause);
  }
  /// How many each processor took since the machine started, by its number.
  void saw_interrupts(std::vector<std::uint64_t> counts, Instant now);

  static constexpr Duration look_pause = std::chrono::seconds{1};
  static constexpr Duration count_pause = std::chrono::seconds{10};
  /// After one processor had no room.
  static constexpr Duration apart_for = std::chrono::seconds{20};

 private:
  std::uint64_t recent(std::size_t processor) const;
  std::size_t busiest() const;
  double idle_part(std::size_t processor, const std::vector<ProcessorTime>& now) const;
  bool is_crowded_out(const ThreadsUse& use, const std::vector<ProcessorTime>& now) const;

  std::vector<std::size_t> allowed_;
  std::vector<ProcessorTime> processors_;  // at the last look
  Instant looked_at_;
  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> recent_;  // between the last two counts
  std::optional<Instant> counted_at_;
  std::optional<std::size_t> together_;
  std::optional<Instant> apart_until_;
};

/// Of the text of /proc/interrupts (proc_interrupts(5)) the devices' alone, by the processor's number.
std::vector<std::uint64_t> device_interrupts(std::string_view text);
/// Of the text of /proc/stat (proc_stat(5)), by the processor's number.
std::vector<ProcessorTime> processor_times(std::string_view text);

}  // namespace clusteragent::filesync
