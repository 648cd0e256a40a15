#pragma once
// The state file of one host: replaced atomically, so a write that did not finish leaves the old content. Owned by Host
// and outlives the agent; what is in flight when agent or host die is lost. Single-threaded.
#include <functional>
#include <optional>

#include "agent/core/types.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

class Disk {
 public:
  Disk(EventQueue& queue, Prng prng, Span write) : queue_{queue}, prng_{prng}, write_{write} {}

  using Done = std::function<void(core::Outcome)>;
  /// `done` comes some time after the content is durable. Writes are carried out one after the other.
  void write(const core::DurableState& state, Done done);

  const core::DurableState& durable() const { return durable_; }
  /// Writers died: nothing that is not durable yet will ever be.
  void forget_unfinished() { life_++; }
  void forget_sync_set() { durable_.record.sync_set = core::NodeSet::both(); }
  void wipe() { durable_ = core::DurableState{}; }

  void hang_until(TrueTime when) { hang_until_ = when; }
  void set_full(bool on) { is_full_ = on; }
  /// A broken variant: success is reported at once, the content becomes durable whenever it does.
  void acknowledge_early(bool on) { is_early_ = on; }
  std::size_t writes_in_flight() const { return in_flight_; }

 private:
  EventQueue& queue_;
  Prng prng_;
  Span write_;
  core::DurableState durable_;
  TrueTime free_at_{};
  TrueTime hang_until_{};
  std::uint64_t life_ = 0;
  std::size_t in_flight_ = 0;
  bool is_full_ = false;
  bool is_early_ = false;
};

}  // namespace clusteragent::simulation
