#pragma once
// The values that the core decides with. Plain data: no behaviour, no I/O, any thread that owns a copy.
//
// Names of states are SafeKit's (STOP, WAIT, ALONE, PRIM, SECOND); see docs/glossary.md.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/base/time.hpp"
#include "agent/core/hold_down.hpp"
#include "agent/core/reader_policy.hpp"

namespace clusteragent::core {

enum class ModuleState : std::uint8_t {
  stop = 0,
  wait = 1,
  alone = 2,
  prim = 3,
  second = 4
};                                                                               // on the wire: do not renumber
enum class Activity : std::uint8_t { not_ready = 0, transient = 1, ready = 2 };  // on the wire: do not renumber

constexpr bool is_primary(ModuleState state) {
  return state == ModuleState::alone || state == ModuleState::prim;
}

/// Which of the two data nodes; bit n stands for NodeId n.
struct NodeSet {
  std::uint8_t bits = 0;

  static constexpr NodeSet both() { return NodeSet{0b11}; }
  static constexpr NodeSet only(NodeId node) { return NodeSet{static_cast<std::uint8_t>(1U << node.value())}; }
  constexpr bool contains(NodeId node) const { return ((bits >> node.value()) & 1U) != 0; }
  friend constexpr bool operator==(NodeSet, NodeSet) = default;
};

/// Who was primary and which nodes hold every acknowledged write of that tenure. Durable before it is used; the newest
/// (epoch, revision) wins.
struct Record {
  Epoch epoch{};
  Revision revision{};
  NodeId holder{};
  NodeSet sync_set = NodeSet::both();
  friend constexpr bool operator==(const Record&, const Record&) = default;
};
constexpr bool is_newer(const Record& a, const Record& b) {
  return a.epoch != b.epoch ? a.epoch > b.epoch : a.revision > b.revision;
}

/// What survives a restart of the agent and of the machine. Loading it is the only way to construct a Cluster.
struct DurableState {
  Record record;                   // epoch 0: no primary was ever seen
  std::optional<Record> proposal;  // this node's own wish for a newer one, not known to be a second voter's as well
  bool is_wanted = false;          // the operator's last wish: the module runs
  bool was_primary = false;        // this node was primary when it was last written
  std::uint32_t restarts_used = 0;
  Duration restart_window_left{};  // of loop_interval, as of the last write
  Duration promise_left{};  // this node waits so long for the peer's agent; counted anew from each start of its own
  std::uint64_t maintenance_number = 0;  // of the newest word about it, see maintenance.hpp
  Duration maintenance_left{};           // as of the last write; zero: none
  Epoch diverged_epoch;                  // own tenure that went on beside a newer primary; 0: none, or acknowledged
  friend bool operator==(const DurableState&, const DurableState&) = default;
};

/// Why a node cannot run or cannot take over. On the wire: do not renumber.
enum class BlockReason : std::uint8_t {
  none = 0,
  not_running = 1,        // STOP: the operator has not started it
  starting = 2,           // still coming up
  failover_off = 3,       // failover="off": only the operator promotes
  interface_down = 4,     // a checked interface has no link
  not_up_to_date = 5,     // outside the newest sync set
  peer_incompatible = 6,  // the peer speaks no common protocol version
  awaiting_peer = 7,      // a primary is there or on its way; this node waits for it
  service_failed = 8,     // the application could not be started here; held back for a while
  operator_hold = 9,      // the operator asked for `second`: it does not become primary by itself
  no_quorum = 10,         // the peer is lost and the witness does not give its vote
  fence_failed = 11,      // the fence script did not switch the peer off
  first_start = 12,       // no node was ever primary: the operator says which one has the data
  undecided = 13,         // whether this node's last proposal became a record is known to others only
  isolated = 14,          // the peer is lost and no ping target answers
  maintenance = 15,       // nothing moves by itself; from version 2 of the wire on
};

/// What every heartbeat says. State-based: each one is complete, so loss, repetition and reordering do no harm.
struct PeerStatus {
  NodeId node{};
  Incarnation incarnation{};
  std::uint64_t beat = 0;           // grows by one a heartbeat within an incarnation
  Incarnation heard_incarnation{};  // of the peer, as last heard; 0: never
  std::uint64_t heard_beat = 0;     // the newest of the peer's beats that this node has processed
  Duration heard_age{};             // how long ago that was; meaningful when heard_incarnation is not 0
  ModuleState state = ModuleState::stop;
  Activity activity = Activity::not_ready;
  Record record;                            // durable at the sender (S7)
  std::optional<Record> proposal;           // for the receiver's vote; durable at the sender as well
  Epoch voted;                              // the highest epoch that the sender's disk knows
  bool holds_vip = false;                   // the sender's kernel may answer for the virtual IP
  bool runs_service = false;                // the sender's application may be running
  bool is_promotable = false;               // the sender could take over now
  BlockReason blocked = BlockReason::none;  // why not
  bool yields = false;                      // the sender let go on purpose and asks the receiver to take over
  bool is_candidate = false;   // the sender, hearing the receiver, asks it to defer so that it may become primary
  bool insists = false;        // the operator said `prim` at the sender: it is preferred over the receiver
  bool is_probe = false;       // "are you there": the receiver answers at once
  bool holds_reader = false;   // the sender's kernel may answer for the readers' address; reader.hpp
  bool is_reader_fit = false;  // what the sender has as secondary is fresh enough for readers
  bool grants_reader = false;  // of a primary: the receiver may take that address
  std::uint64_t wish_id = 0;   // a command for the receiver (swap asked on the secondary); 0: none
  std::uint64_t granted_wish_id = 0;  // the newest wish of the receiver that the sender has taken up
  std::uint64_t config_hash = 0;
  Duration restarts_for{};  // the sender's agent may be gone for so long, and leaves everything running
  Duration waits_for{};     // the sender promises the receiver, which restarts, to leave its role to it for so long
  std::uint64_t maintenance_number = 0;  // of the newest word about it that the sender knows
  Duration maintenance_left{};           // zero: no maintenance
};

enum class Verb : std::uint8_t {
  start,
  stop,
  restart,
  stopstart,
  swap,
  prim,
  second,
  hand_over,
  maintenance_on,
  maintenance_off,
  acknowledge
};

enum class ScriptKind : std::uint8_t {
  prestart,
  poststop,
  start_prim,
  stop_prim,
  start_second,
  stop_second,
  start_sec,
  stop_sec,
  start_both,
  stop_both,
  transition,
  fence,  // ours: switches the peer off before a take-over that it has not agreed to
};
constexpr std::size_t script_kinds = 12;

/// errd classes that are armed around the scripts of the same name (SafeKit guide 13.10).
enum class WatchClass : std::uint8_t { pre, prim, second, sec, both };

/// What errd asks for when a watched process is missing (or too many run).
enum class FailureAction : std::uint8_t { restart, stopstart, stop };

enum class Outcome : std::uint8_t { success, failure, timed_out };

/// The module's configuration as the core needs it; validated by agent/config before it gets here.
struct Policy {
  NodeId self{};
  std::array<std::string, 2> node_names{"node0", "node1"};
  std::string module = "module";
  Duration pulse = std::chrono::milliseconds{700};
  Duration timeout = std::chrono::seconds{30};
  bool failover = true;
  std::optional<NodeId> default_primary;             // nullopt: defaultprim="alone"
  std::uint32_t restarts_max = 3;                    // maxloop
  Duration restart_window = std::chrono::hours{24};  // loop_interval; 0 disables the budget
  Duration start_limit = std::chrono::seconds{300};
  Duration stop_limit = std::chrono::seconds{300};    // nicestoptimeout
  Duration force_limit = std::chrono::seconds{300};   // forcestoptimeout
  Duration restart_grace = std::chrono::seconds{10};  // how long an announced restart of the agent may take
  Duration fence_limit = std::chrono::seconds{60};    // fencetimeout
  bool has_vip = true;
  bool asks_ping = false;  // a node that loses its peer goes on alone only when an address answers, see ping_check.hpp
  bool has_witness = false;   // a third voter: two of the three votes are needed, see voter.hpp
  bool mirrors_data = false;  // a provider keeps the data of both nodes equal: sync sets matter, see sync_set.hpp
  std::array<bool, script_kinds> has_script{};  // scripts that exist; the others are not run
  HoldDownLimits hold_down;
  ReaderPolicy reader;
  bool starts_at_boot = false;                  // boot="on": start whatever the last wish was
  std::vector<std::string> checked_interfaces;  // link loss on one of them stops the primary
  std::uint64_t config_hash = 0;
  std::uint64_t jitter_seed = 1;
  Incarnation incarnation{1};

  NodeId peer() const { return NodeId{static_cast<std::uint8_t>(1 - self.value())}; }
};

}  // namespace clusteragent::core
