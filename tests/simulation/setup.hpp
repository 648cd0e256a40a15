#pragma once
// Everything that distinguishes one simulated run from another, drawn from its seed by swarm.hpp or written in a
// scenario. Plain values.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/types.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t hosts = 2;
constexpr std::size_t paths_max = 3;

/// What one direction of one heartbeat network does to frames.
struct LinkQuality {
  Span delay{microseconds{100}, microseconds{400}};
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t reorder_ppm = 0;  // held back for up to `reorder_delay`
  Duration reorder_delay{};
};

struct Timing {
  Span timer_late{Duration{0}, microseconds{500}};
  Span disk_write{microseconds{200}, milliseconds{3}};
  Span vip_change{microseconds{50}, milliseconds{1}};
  Span guard_reaction{microseconds{100}, milliseconds{2}};
  Span kill{milliseconds{1}, milliseconds{20}};  // from the guard's SIGKILL to the application's end
  Span script{milliseconds{1}, milliseconds{30}};
  Span fence{milliseconds{1}, milliseconds{30}};     // a power switch takes its time
  Span agent_restart{milliseconds{50}, seconds{2}};  // service manager starts the agent again
  Span agent_return{milliseconds{20}, seconds{1}};   // of an announced restart
  Span boot{seconds{1}, seconds{10}};
  Duration watch_poll = seconds{1};  // errd polltimer
  Span death_notice{microseconds{50}, milliseconds{2}};
};

/// Of the replication, where data is mirrored.
struct DataSetup {
  bool acknowledges_on_disk = false;  // async="none"
  Span sync{microseconds{200}, milliseconds{3}};
  Span apply{Duration{0}, microseconds{200}};  // until the replica has done what it received
  Span compare{microseconds{100}, milliseconds{50}};
  Span retry{milliseconds{1}, milliseconds{50}};
  Duration silence_limit = milliseconds{100};
  Duration complaint = seconds{1};  // about an engine that died, again
  Duration write_back = seconds{5};
  std::uint32_t cut_ppm = 0;           // chance that the connection ends with what arrives
  std::uint32_t lead_failure_ppm = 0;  // chance that an engine cannot begin to lead, before anything was written
};

struct HostSetup {
  std::int32_t clock_rate_ppm = 0;
  Instant boot_reading = Instant::from_nanoseconds(1'000'000'000);
  bool has_guard = true;              // false: the guard is dead, only the kernel's own expiry is left
  bool guard_enforces_expiry = true;  // takes the address away when a permit lapses, agent alive or not
  bool stall_keeps_frames = true;     // a hypervisor buffers frames for a stalled guest
};

enum class FaultKind : std::uint8_t {
  agent_crash,
  host_crash,
  agent_pause,
  host_stall,
  host_stall_clock_stops,
  path_cut,
  path_cut_one_way,
  all_cut,
  all_cut_one_way,
  path_loss,
  slow_link,
  flapping_path,
  disk_hang,
  disk_full,
  script_fails,
  script_hangs,
  script_ignores_term,
  service_dies,
  garp_lost,
  vip_taken_away,
  vip_add_fails,
  stranger_on_vip,
  link_down,
  guard_dead,
  other_version,
  lan_cut,
  lan_replay,
  operator_command,
  agent_shutdown,
  witness_restart,
  witness_reboot,
  witness_cut,
  witness_loss,
  vote_race,   // both agents start anew, cut off from each other, and meet again while both seek the role
  link_flaps,  // the clients' interface of a node, again and again
  agent_handover,
  maintenance,
  engine_crash,
  data_disk_full,
  replica_lags,  // of the servers' own replication: late, not in order, or nothing is said of it
};
constexpr std::size_t fault_kinds = 40;
std::string_view name_of(FaultKind);

struct Plan {
  std::array<bool, fault_kinds> is_on{};
  Span gap{milliseconds{100}, seconds{2}};        // between two faults
  Span brief{milliseconds{1}, milliseconds{50}};  // shorter than a permit
  Span lasting{milliseconds{200}, seconds{3}};    // longer than the timeout
  TrueTime ends{};                                // no fault lasts beyond it
  bool split_cuts_lan = false;                    // ... and the network of the virtual IP with them
  bool ends_in_split = false;                     // the nodes are cut apart when healing begins
};

/// What a profile promises; the invariants that apply follow from it.
struct Promise {
  bool is_single = false;               // never two kernels that answer (S1, S2)
  bool is_safe_path_kept = false;       // ... because some path always lives
  bool has_failovers = false;           // over many seeds some must happen
  bool never_changes_roles = false;     // false-failover profile
  bool only_operator_promotes = false;  // failover="off"
};

struct Setup {
  std::uint64_t seed = 1;
  std::string profile = "scenario";
  core::Policy policy;  // self, incarnation and jitter_seed are filled in for each agent
  std::size_t paths = 2;
  std::array<LinkQuality, paths_max> links{};
  std::size_t safe_path = 0;  // never touched by faults where Promise::is_single
  Timing timing;
  DataSetup data;
  std::array<HostSetup, hosts> host{};
  bool witness_is_register = false;  // the third voter knows no time, as etcd
  Span witness_delay{microseconds{100}, milliseconds{1}};
  std::uint32_t garp_loss_ppm = 0;
  Duration replica_interval = milliseconds{200};  // how often its state is said, where the readers' address hangs on it
  core::FailureAction failure_action = core::FailureAction::restart;  // of errd for the application
  Duration probe_interval = milliseconds{20};
  Duration heal_limit = seconds{60};  // T1: converged after the last fault at the latest
  Duration quiet{};                   // how long nothing may change afterwards
  std::array<TrueTime, hosts> starts_at{};
  bool starts_by_operator = true;
  Promise promise;
  Plan plan;
};

}  // namespace clusteragent::simulation
