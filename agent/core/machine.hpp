#pragma once
// Machine: what one core knows and is doing. Internal to agent/core: guards read Facts made from it, effects change it,
// and nothing outside this folder sees it. Times are this node's CLOCK_BOOTTIME.
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/actions.hpp"
#include "agent/core/announcement.hpp"
#include "agent/core/events.hpp"
#include "agent/core/fencing.hpp"
#include "agent/core/lan_watch.hpp"
#include "agent/core/maintenance.hpp"
#include "agent/core/peer_judge.hpp"
#include "agent/core/phase_data.hpp"
#include "agent/core/ping_check.hpp"
#include "agent/core/plan.hpp"
#include "agent/core/quorum.hpp"
#include "agent/core/reader.hpp"
#include "agent/core/restart_budget.hpp"
#include "agent/core/sync_set.hpp"
#include "agent/core/view.hpp"

namespace clusteragent::core {

struct Machine {
  Machine(Policy given, const DurableState& loaded, Instant at);

  // Identity and input
  Policy policy;
  Instant now;
  ActionList* out = nullptr;

  // State
  Phase phase = Phase::stopped;
  Instant since;
  std::string reason;
  std::string detail;          // of the event under way, for reasons
  bool counts_restart = true;  // of the event under way: an administrator's restart costs no budget
  std::uint32_t last_row = 0;
  std::vector<std::uint32_t> step_rows;
  Leaving leaving;
  Tenure tenure;
  Waiting waiting;
  bool keeps_wish = false;        // the stop under way is a shutdown: the module is still wanted
  bool operator_hold = false;     // `second`: never a candidate
  bool operator_insists = false;  // `prim`: preferred
  bool operator_forces = false;   // `prim --force`
  bool is_candidate = false;
  std::uint64_t candidate_since_beat = 0;
  GroupSet running;
  bool holds_vip = false;
  bool runs_service = false;
  std::optional<Instant> permit_until;
  std::string last_script_failure;
  RestartBudget budget;
  RoleChanges role_changes{HoldDown{policy.hold_down}, false, {}};

  // Durability: `durable` is on disk, `desired` is to be.
  DurableState durable;
  DurableState desired;
  std::optional<Token> persist_token;
  DurableState persist_in_flight;
  std::optional<Instant> persist_retry_at;
  Epoch epoch_floor;  // highest epoch that a failed write may have left on disk
  std::string persist_failure;

  // Plan under way
  Plan plan;
  bool plan_active = false;
  std::optional<Token> awaited;        // answer the plan waits for; nullopt while it waits for the tenure to be durable
  std::optional<Token> orphan_script;  // script of a plan that was given up; no other script runs before it has ended
  std::string plan_failure;

  // Peer
  PeerJudge judge;
  std::optional<PeerStatus> peer;
  Instant peer_heard_at;
  bool peer_is_incompatible = false;
  Instant incompatible_at;
  std::string incompatible_text;
  std::optional<Epoch> guard_released;
  std::optional<ModuleState> noted_peer_state;
  std::optional<Activity> noted_peer_activity;
  bool noted_config_mismatch = false;
  bool peer_was_lost = false;
  bool announce_when_peer_lets_go = false;

  // The virtual IP vanished or was mute and is set again, outside of any plan
  std::optional<Token> reacquire_token;
  std::optional<Instant> reacquire_at;  // after a failure

  // Votes
  std::deque<SentBeat> claims;  // beats that leave the peer no way to lead; newest last
  std::optional<Instant> peer_promised_until;
  WitnessSight witness;
  SyncSight sync;
  Fencing fencing;
  PingSight ping;
  LanSight lan;
  ReaderSight reader;

  Announcement announcement;
  Maintenance maintenance;

  // Network
  std::map<std::string, LinkState> links;

  // Commands across
  std::uint64_t wish_id = 0;
  std::uint64_t granted_wish_id = 0;

  // Beats
  std::uint64_t beat = 0;
  std::uint64_t yielded_beat = 0;  // the last that left the role to the peer
  Instant next_beat_at;
  Instant last_beat_at;
  Instant awake_since;             // the last stall of this process ended then
  Instant due_at;                  // what next_deadline() said after the last step
  bool beat_wanted = false;        // send one at the end of this step
  std::uint32_t answers_left = 0;  // to probes, until the next pulse
  std::uint64_t next_token = 1;
};

// machine.cpp: small verbs that effects and the step loop share
Token make_token(Machine& m);
void emit(Machine& m, Action action);
void note(Machine& m, Severity severity, std::string text);
ModuleState module_state(const Machine& m);
Activity activity(const Machine& m);
bool peer_alive(const Machine& m);
/// Silent for the timeout with the probe burst unanswered, or its process known to be gone.
bool peer_lost(const Machine& m);
bool links_are_up(const Machine& m);
Duration permit_lease(const Policy& policy);
Epoch next_epoch(const Machine& m);
BlockReason why_not_promotable(const Machine& m);

// durability.cpp
void request_persist(Machine& m);
void on_persist_finished(Machine& m, Outcome outcome, const std::string& detail);

// beat.cpp
void send_beat(Machine& m, bool is_probe);
void revoke_permit(Machine& m);
/// Sets the virtual IP of a running tenure again; tried again until it succeeds or the tenure ends.
void reacquire_vip(Machine& m);
PeerStatus compose_status(const Machine& m);

// sequencer.cpp
enum class PlanEnd : std::uint8_t { running, finished, failed };
/// Replaces the plan under way; a script of the old one is ended first unless `lets_script_end`.
void begin_plan(Machine& m, Plan plan, bool lets_script_end = false);
void cancel_plan_script(Machine& m);  // no other begins before it has ended
/// Carries the plan on as far as it goes without waiting.
PlanEnd advance_plan(Machine& m);
/// Takes the answer to a token; false when it is not of this plan.
bool on_step_finished(Machine& m, const ActionFinished& finished);

// view.cpp
View make_view(const Machine& m);

// election.cpp
/// Declares or withdraws the candidacy against a live peer.
void update_candidacy(Machine& m);
/// The live peer's newest frame lets this node become primary.
bool peer_grants(const Machine& m);

}  // namespace clusteragent::core
