#pragma once
// Plan: the ordered steps between two roles, in SafeKit's script order (guide 14.4): what the new role does not run is
// stopped, then `transition`, then what it runs is started. Pure values and functions; the machine carries them out.
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/types.hpp"

namespace clusteragent::core {

/// Script groups that run in a role: start_X has run and stop_X has not.
struct GroupSet {
  bool both = false;
  bool prim = false;
  bool second = false;
  bool sec = false;
  friend constexpr bool operator==(GroupSet, GroupSet) = default;
};

inline constexpr GroupSet groups_of_none{};
inline constexpr GroupSet groups_between_roles{.both = true};
inline constexpr GroupSet groups_of_alone{.both = true, .prim = true, .second = false, .sec = true};
inline constexpr GroupSet groups_of_prim{.both = true, .prim = true, .second = false, .sec = false};
inline constexpr GroupSet groups_of_second{.both = true, .prim = false, .second = true, .sec = true};

enum class StepKind : std::uint8_t {
  persist_tenure,
  obtain_quorum,
  lead_data,
  follow_data,
  release_data,
  share_data,  // nothing was written in this tenure: the record says again that both copies are good
  acquire_vip,
  release_vip,
  start_script,
  stop_script,
  arm,
  disarm
};

struct Step {
  StepKind kind = StepKind::start_script;
  ScriptKind script = ScriptKind::transition;
  WatchClass watch_class = WatchClass::prim;
  bool is_force = false;    // this step is the force pass of its stop script
  bool fails_plan = false;  // a failure ends the plan
};

struct Plan {
  std::vector<Step> steps;
  std::size_t next = 0;
  std::string action;  // third argument of the scripts
  ModuleState from = ModuleState::stop;
  ModuleState to = ModuleState::stop;

  bool is_finished() const { return next >= steps.size(); }
};

/// Steps that stop what runs and is not wanted, graceful first.
void append_stops(std::vector<Step>& steps, GroupSet running, GroupSet wanted);
/// After the application was stopped.
void append_release_data(std::vector<Step>& steps, const Policy& policy);
void append_transition(std::vector<Step>& steps);
void append_starts(std::vector<Step>& steps, GroupSet running, GroupSet wanted);
/// Cleans up after a former life: prestart where the module has one, else every stop script.
void append_prestart(std::vector<Step>& steps, const Policy& policy);
/// Force pass of every stop script, then poststop.
void append_poststop(std::vector<Step>& steps);

}  // namespace clusteragent::core
