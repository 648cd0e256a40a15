#pragma once
// The third machine: the production voter, or a register for the production RegisterVoter of each node, behind two
// links that lose and cut, with a disk, a process that restarts and a machine that reboots. Owned by World;
// single-threaded.
#include <array>
#include <memory>
#include <optional>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/witness/register_conversation.hpp"
#include "tests/simulation/clock_model.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/prng.hpp"
#include "tests/simulation/setup.hpp"

namespace clusteragent::simulation {

class World;

class Witness {
 public:
  explicit Witness(World& world);

  /// From an agent's life; the answer finds only that life.
  void send(NodeId from, std::uint64_t life, const core::AskWitness& ask);
  /// To the register; answered to the RegisterClient of that life, or not at all.
  void send(NodeId from, std::uint64_t life, std::uint64_t number, const witness::RegisterRequest& request);

  /// The process ends and comes back; promises are in /run and stay.
  void restart(Duration back_in);
  /// The machine does; promises are gone, and it is silent for one lease.
  void reboot(Duration back_in);
  /// Switched off and on again, the process alone.
  void stop();
  void start();
  void set_cut(NodeId node, bool on) { lines_[node.value()].cuts = on ? 1 : 0; }
  /// Both directions between it and the node.
  void cut(NodeId node, Duration lasts);
  void set_loss(NodeId node, std::uint32_t ppm) { lines_[node.value()].loss_ppm = ppm; }
  void heal();

 private:
  struct Line {
    int cuts = 0;
    std::uint32_t loss_ppm = 0;
  };

  void begin_life(std::optional<core::Promise> promise, Instant silent_until);
  void take(NodeId from, std::uint64_t life, const core::AskWitness& ask);
  core::WitnessAnswer decide(const core::WitnessRequest& request);
  void carry_out(NodeId from, std::uint64_t life, std::uint64_t number, const witness::RegisterRequest& request);
  void answer(NodeId to, std::uint64_t life, const core::WitnessAnswered& answered);
  bool passes(NodeId node);
  Instant local_now() const;

  World& world_;
  Prng prng_;
  ClockModel clock_;
  std::array<Line, hosts> lines_;
  std::optional<core::Voter> voter_;  // nullopt: down
  std::optional<core::Promise> kept_promise_;
  core::VoterState durable_;
  core::VoterState being_stored_;
  TrueTime disk_free_at_{};
  std::uint64_t life_ = 0;
  witness::Reading register_{1, 1, 0, {}};  // on disk
};

}  // namespace clusteragent::simulation
