#pragma once
// The replication engine of one host: a process beside the agent that mirrors the application's data to the other host.
// What may be acknowledged and when a copy may begin is decided by the production Ledger, what the replica owes for
// each operation by the production Intake; this class is what filesync's shells are in the real engine: it keeps the
// data, carries frames, and does what those two say. The code of the two sides is in mirror_leader.cpp,
// mirror_replica.cpp. Owned by Host; single-threaded.
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/data/filesync/ledger/intake.hpp"
#include "agent/data/filesync/ledger/ledger.hpp"
#include "tests/simulation/data_disk.hpp"
#include "tests/simulation/data_facts.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/mirror_frames.hpp"
#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

class World;

class Mirror {
 public:
  Mirror(World& world, NodeId self, Prng prng);

  /// With false: refused, because this copy is marked as incomplete, or the engine could not begin; nothing was
  /// written. Not called by an engine that dies before.
  using Done = std::function<void(bool)>;

  // Of the agent of that life
  void lead(const core::LeadData& wanted, std::uint64_t life, Done done);
  void follow(const core::FollowData& wanted, std::uint64_t life);
  void allow_solo(const core::AllowSolo& allowed);
  void release();
  /// The engine sees it and ends.
  void agent_died();

  // Faults
  void power_lost();
  /// SIGKILL; what it wrote stays in the page cache.
  void crash();
  void set_full(bool on) { is_full_ = on; }
  /// Its mount fails, whenever it is to lead.
  void set_unable_to_lead(bool on) { lead_failure_ppm_ = on ? chance_always : 0; }

  // Of the application, through the mount; errors where this node does not lead.
  void change(const Change& change);
  /// fsync of a file, or with nothing of the folder.
  void sync(std::optional<std::uint64_t> file);

  bool leads() const { return role_ == Role::primary; }
  Epoch epoch() const { return epoch_; }
  /// What was done before is on this disk in any case.
  TrueTime written_back_at() const { return written_back_at_; }
  const Tree& tree() const { return disk_.tree(); }
  /// As the world knows it: its content is no state that a primary had.
  bool is_incomplete() const { return is_incomplete_; }
  /// As the engine knows it, from its disk.
  bool refuses_to_lead() const { return is_marked_; }

 private:
  enum class Role : std::uint8_t { none, primary, secondary };

  Mirror& other();
  bool is_reachable();
  void begin_role(Role role, Epoch epoch, std::uint64_t life);
  /// In good order, as when it is told to or its agent has gone.
  void let_go();
  void begin_to_lead(const core::LeadData& wanted, std::uint64_t life);
  void complain();
  void later(Duration delay, std::function<void()> work);
  void run_unless_stalled(std::uint64_t engine, const std::function<void()>& work);
  void post(core::Event event);
  void tell(DataFact fact, std::uint64_t number = 0);
  void look();
  void look_as_secondary();
  bool is_silent_too_long();
  void write_back();

  // Primary
  void look_as_primary();
  void connect();
  void connection_lost(const std::string& reason);
  void send(Frame frame);
  void plan_arrival();
  void arrive();
  void begin_copy();
  void compare_next();
  void end_copy_if_compared();
  void send_differing(const Answer& answer);
  void take(const Answer& answer);
  void carry_out(const filesync::Outcome& outcome, DataFact released_by);
  void finish_sync(std::uint64_t request, filesync::Mark needed);
  void acknowledge(std::uint64_t request, DataFact how);
  void abandon_promises();

  // Secondary
  bool accepts(Epoch epoch) const;
  void accept(std::uint64_t connection);
  void replica_lost();
  void plan_apply();
  void apply_some();
  void apply_front();
  std::string apply(const Frame& frame);
  void begin_incomplete();
  void end_incomplete(const Frame& frame);
  void compare(const Frame& frame);
  void answer(Answer answer);
  void plan_answers();
  void deliver_answers();

  World& world_;
  NodeId self_;
  Prng prng_;
  // On disk
  DataDisk disk_;
  bool is_incomplete_ = false;
  bool is_marked_ = false;
  bool is_full_ = false;
  std::uint32_t lead_failure_ppm_ = 0;
  // The process
  Role role_ = Role::none;
  Epoch epoch_;
  std::uint64_t life_ = 0;
  std::uint64_t engine_ = 0;  // one number for each time that a role began or ended
  TrueTime written_back_at_{};
  std::uint64_t connection_ = 0;  // this node's end of it; 0: none
  std::optional<TrueTime> silent_since_;
  // Primary
  filesync::Ledger ledger_{false};
  std::deque<Frame> outgoing_;
  bool is_arrival_planned_ = false;
  TrueTime retry_at_{};
  std::deque<std::uint64_t> to_compare_;
  std::size_t asked_ = 0;
  bool is_copy_told_ = false;  // everything was compared, and the replica knows
  std::map<std::uint64_t, Assurance> promises_;
  std::uint64_t last_request_ = 0;
  // Secondary
  filesync::Intake intake_;
  std::deque<Frame> received_;
  std::deque<Answer> answers_;
  bool is_answer_planned_ = false;
  bool is_applying_ = false;
  bool has_failed_ = false;
};

}  // namespace clusteragent::simulation
