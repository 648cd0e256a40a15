#include "agent/core/names.hpp"

#include "agent/base/assert.hpp"

namespace clusteragent::core {

std::string_view name_of(ModuleState state) {
  switch (state) {
    case ModuleState::stop:
      return "STOP";
    case ModuleState::wait:
      return "WAIT";
    case ModuleState::alone:
      return "ALONE";
    case ModuleState::prim:
      return "PRIM";
    case ModuleState::second:
      return "SECOND";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(Activity activity) {
  switch (activity) {
    case Activity::not_ready:
      return "NotReady";
    case Activity::transient:
      return "Transient";
    case Activity::ready:
      return "Ready";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::start:
      return "start";
    case Verb::stop:
      return "stop";
    case Verb::restart:
      return "restart";
    case Verb::stopstart:
      return "stopstart";
    case Verb::swap:
      return "swap";
    case Verb::prim:
      return "prim";
    case Verb::second:
      return "second";
    case Verb::hand_over:
      return "hand-over";
    case Verb::maintenance_on:
      return "maintenance-on";
    case Verb::maintenance_off:
      return "maintenance-off";
    case Verb::acknowledge:
      return "acknowledge";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(ScriptKind script) {
  switch (script) {
    case ScriptKind::prestart:
      return "prestart";
    case ScriptKind::poststop:
      return "poststop";
    case ScriptKind::start_prim:
      return "start_prim";
    case ScriptKind::stop_prim:
      return "stop_prim";
    case ScriptKind::start_second:
      return "start_second";
    case ScriptKind::stop_second:
      return "stop_second";
    case ScriptKind::start_sec:
      return "start_sec";
    case ScriptKind::stop_sec:
      return "stop_sec";
    case ScriptKind::start_both:
      return "start_both";
    case ScriptKind::stop_both:
      return "stop_both";
    case ScriptKind::transition:
      return "transition";
    case ScriptKind::fence:
      return "fence";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(WatchClass watch_class) {
  switch (watch_class) {
    case WatchClass::pre:
      return "pre";
    case WatchClass::prim:
      return "prim";
    case WatchClass::second:
      return "second";
    case WatchClass::sec:
      return "sec";
    case WatchClass::both:
      return "both";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(FailureAction action) {
  switch (action) {
    case FailureAction::restart:
      return "restart";
    case FailureAction::stopstart:
      return "stopstart";
    case FailureAction::stop:
      return "stop";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(BlockReason reason) {
  switch (reason) {
    case BlockReason::none:
      return "none";
    case BlockReason::not_running:
      return "not_running";
    case BlockReason::starting:
      return "starting";
    case BlockReason::failover_off:
      return "failover_off";
    case BlockReason::interface_down:
      return "interface_down";
    case BlockReason::not_up_to_date:
      return "not_up_to_date";
    case BlockReason::peer_incompatible:
      return "peer_incompatible";
    case BlockReason::awaiting_peer:
      return "awaiting_peer";
    case BlockReason::service_failed:
      return "service_failed";
    case BlockReason::operator_hold:
      return "operator_hold";
    case BlockReason::maintenance:
      return "maintenance";
    case BlockReason::no_quorum:
      return "no_quorum";
    case BlockReason::fence_failed:
      return "fence_failed";
    case BlockReason::first_start:
      return "first_start";
    case BlockReason::undecided:
      return "undecided";
    case BlockReason::isolated:
      return "isolated";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view describe(BlockReason reason) {
  switch (reason) {
    case BlockReason::none:
      return "nothing";
    case BlockReason::not_running:
      return "the module is stopped here (clusteragent start)";
    case BlockReason::starting:
      return "the module is still starting here";
    case BlockReason::failover_off:
      return "failover=\"off\" (clusteragent prim promotes by hand)";
    case BlockReason::interface_down:
      return "an interface with check=\"on\" has no link";
    case BlockReason::not_up_to_date:
      return "this node lacks writes that the other one acknowledged, or may lack them";
    case BlockReason::peer_incompatible:
      return "the peer speaks no protocol version that this agent speaks";
    case BlockReason::awaiting_peer:
      return "the other node is primary or about to be";
    case BlockReason::service_failed:
      return "the application failed to start here";
    case BlockReason::operator_hold:
      return "the operator asked for the secondary role (clusteragent prim overrides)";
    case BlockReason::maintenance:
      return "maintenance is on: nothing moves by itself";
    case BlockReason::no_quorum:
      return "the other node is not heard and the witness does not vote for this one";
    case BlockReason::fence_failed:
      return "the fence script did not switch the other node off";
    case BlockReason::first_start:
      return "no node was ever primary (clusteragent prim, on the node that has the data)";
    case BlockReason::undecided:
      return "which node has the newest data is known to the other node or the witness only";
    case BlockReason::isolated:
      return "the other node is not heard and no ping target answers";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view name_of(WitnessVerb verb) {
  switch (verb) {
    case WitnessVerb::query:
      return "query";
    case WitnessVerb::renew:
      return "renew";
    case WitnessVerb::vote:
      return "vote";
    case WitnessVerb::release:
      return "release";
  }
  CLUSTERAGENT_ASSERT(false);
}

std::string_view describe(Refusal refusal) {
  switch (refusal) {
    case Refusal::none:
      return "has nothing against it";
    case Refusal::promised:
      return "still promises the role to the other node";
    case Refusal::outdated:
      return "knows a newer primary";
    case Refusal::voted:
      return "has voted for the other node";
    case Refusal::rebooted:
      return "was rebooted and is silent until old promises have run out";
    case Refusal::outside_sync_set:
      return "knows that the other node holds writes which this one lacks";
    case Refusal::not_stored:
      return "cannot store its vote";
  }
  CLUSTERAGENT_ASSERT(false);
}

}  // namespace clusteragent::core
