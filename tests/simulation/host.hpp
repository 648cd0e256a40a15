#pragma once
// A machine: kernel, disk, guard and service manager, and at most one living agent. Everything a fault can do to a
// machine is a method here. Owned by World; single-threaded.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "tests/simulation/agent.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/kernel.hpp"
#include "tests/simulation/mirror.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/script_table.hpp"

namespace clusteragent::simulation {

class World;

/// What the provider says of a replication between servers.
enum class ReplicaState : std::uint8_t { follows, late, broken, unsaid };

class Host {
 public:
  Host(World& world, NodeId self);

  NodeId self() const { return self_; }
  Kernel& kernel() { return kernel_; }
  const Kernel& kernel() const { return kernel_; }
  Disk& disk() { return disk_; }
  const Disk& disk() const { return disk_; }
  Mirror& mirror() { return mirror_; }
  const Mirror& mirror() const { return mirror_; }
  ScriptTable& scripts() { return scripts_; }
  const ScriptTable& scripts() const { return scripts_; }
  Agent* agent() { return agent_.get(); }
  const Agent* agent() const { return agent_.get(); }
  Instant local_now() const;

  void start_agent();
  /// SIGKILL: the kernel side stays until guard or permit end it. The service manager starts it again after `back_in`;
  /// nullopt: it does not.
  void kill_agent(std::optional<Duration> back_in);
  /// The agent ends and leaves everything to its next life, which may come back in time or not.
  void hand_over(const core::Handover& left);
  bool has_handover() const { return handover_.has_value(); }
  void power_off();
  void power_on();
  /// SIGSTOP and SIGCONT of the agent; the kernel goes on.
  void pause_agent();
  void resume_agent();
  /// The whole machine stands still, with its clock or without.
  void stall(bool clock_stops);
  void wake();
  void kill_service();
  void take_address_away();
  void set_link(bool has_link);
  void set_guard(bool is_alive) { has_guard_ = is_alive; }
  void speak_other_version(bool on) { speaks_other_version_ = on; }
  bool speaks_other_version() const { return speaks_other_version_; }
  void fail_vip_adds(bool on) { fails_vip_adds_ = on; }
  void set_replica(ReplicaState state) { replica_ = state; }
  ReplicaState replica() const { return replica_; }
  bool fails_vip_adds() const { return fails_vip_adds_; }

  void packet_arrived(PathId path, const Packet& packet);
  void word_arrived(const core::LanWord& word);
  void permit_set();
  void script_took_effect(const core::RunScript& script, core::Outcome outcome);

  /// Alive, not stopped, not stalled: what it says about itself can be trusted to be current.
  bool is_active() const;
  /// Since when is_active() is true without interruption.
  TrueTime active_since() const { return active_since_; }
  bool is_agent_paused() const { return is_agent_paused_; }

 private:
  void guard_saw_death(std::uint64_t death);
  void guard_saw_expiry();
  void guard_gave_up_waiting(std::uint64_t death);
  std::optional<core::Handover> take_handover();
  void speak_of_release(Epoch epoch);
  void refresh_activity();
  void deliver(PathId path, const Packet& packet);
  void frame_arrived(PathId path, const core::PeerStatus& status);
  void let_in_an_old_frame(PathId path, const core::PeerStatus& newest);
  void agent_is_gone();

  World& world_;
  NodeId self_;
  Prng prng_;
  Kernel kernel_;
  Disk disk_;
  Mirror mirror_;
  ScriptTable scripts_;
  std::unique_ptr<Agent> agent_;
  std::optional<core::Handover> handover_;
  std::uint64_t lives_ = 0;
  std::uint64_t deaths_ = 0;
  bool has_guard_ = true;
  bool is_guard_busy_ = false;
  bool is_expiry_watched_ = false;
  bool is_agent_paused_ = false;
  bool speaks_other_version_ = false;
  bool fails_vip_adds_ = false;
  ReplicaState replica_ = ReplicaState::follows;
  bool was_active_ = false;
  TrueTime active_since_{};
  std::deque<std::pair<PathId, Packet>> stalled_frames_;
  std::deque<core::PeerStatus> remembered_frames_;  // of the variant stale_frames
};

}  // namespace clusteragent::simulation
