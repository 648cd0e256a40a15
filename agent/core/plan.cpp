#include "agent/core/plan.hpp"

namespace clusteragent::core {
namespace {

Step start(ScriptKind script) {
  return Step{.kind = StepKind::start_script, .script = script, .fails_plan = true};
}
Step stop(ScriptKind script) {
  return Step{.kind = StepKind::stop_script, .script = script};
}
Step force(ScriptKind script) {
  return Step{.kind = StepKind::stop_script, .script = script, .is_force = true};
}
Step arm(WatchClass watch) {
  return Step{.kind = StepKind::arm, .watch_class = watch};
}
Step disarm(WatchClass watch) {
  return Step{.kind = StepKind::disarm, .watch_class = watch};
}

}  // namespace

void append_stops(std::vector<Step>& steps, GroupSet running, GroupSet wanted) {
  const auto append = [&steps](WatchClass watch, ScriptKind script) {
    steps.push_back(disarm(watch));
    steps.push_back(stop(script));
  };
  if (running.sec && !wanted.sec) append(WatchClass::sec, ScriptKind::stop_sec);
  if (running.prim && !wanted.prim) append(WatchClass::prim, ScriptKind::stop_prim);
  if (running.second && !wanted.second) append(WatchClass::second, ScriptKind::stop_second);
  if (running.both && !wanted.both) append(WatchClass::both, ScriptKind::stop_both);
}

void append_release_data(std::vector<Step>& steps, const Policy& policy) {
  if (policy.mirrors_data) steps.push_back(Step{.kind = StepKind::release_data});
}

void append_transition(std::vector<Step>& steps) {
  steps.push_back(Step{.kind = StepKind::start_script, .script = ScriptKind::transition});
}

void append_starts(std::vector<Step>& steps, GroupSet running, GroupSet wanted) {
  const auto append = [&steps](WatchClass watch, ScriptKind script) {
    steps.push_back(start(script));
    steps.push_back(arm(watch));
  };
  if (wanted.both && !running.both) append(WatchClass::both, ScriptKind::start_both);
  if (wanted.prim && !running.prim) append(WatchClass::prim, ScriptKind::start_prim);
  if (wanted.second && !running.second) append(WatchClass::second, ScriptKind::start_second);
  if (wanted.sec && !running.sec) append(WatchClass::sec, ScriptKind::start_sec);
}

void append_prestart(std::vector<Step>& steps, const Policy& policy) {
  if (policy.has_script[static_cast<std::size_t>(ScriptKind::prestart)]) {
    steps.push_back(start(ScriptKind::prestart));
  } else {
    steps.push_back(stop(ScriptKind::stop_second));
    steps.push_back(stop(ScriptKind::stop_prim));
    steps.push_back(stop(ScriptKind::stop_both));
  }
  steps.push_back(arm(WatchClass::pre));
}

void append_poststop(std::vector<Step>& steps) {
  steps.push_back(disarm(WatchClass::pre));
  steps.push_back(force(ScriptKind::stop_sec));
  steps.push_back(force(ScriptKind::stop_prim));
  steps.push_back(force(ScriptKind::stop_second));
  steps.push_back(force(ScriptKind::stop_both));
  steps.push_back(Step{.kind = StepKind::start_script, .script = ScriptKind::poststop});
  append_transition(steps);
}

}  // namespace clusteragent::core
