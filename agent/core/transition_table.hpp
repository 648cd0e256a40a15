#pragma once
// The one table that owns every change of state. A row says: in these phases, on this trigger, when the guard holds, go
// there, do that, for this reason. The reason is what the operator reads; the diagram in docs/states.md and
// `clusteragent explain` are made from it. First match wins. For every (phase, trigger) but `facts` the last row that
// applies is unconditional, so that nothing is ever unanswered; tests/unit/core holds the table to that.
//
// Placeholders in reasons: {peer} {self} {silence} {detail} {why}.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/core/facts.hpp"
#include "agent/core/phase.hpp"

namespace clusteragent::core {

enum class Trigger : std::uint8_t {
  facts,  // looked at after every event: what is known now calls for a change
  op_start,
  op_stop,
  op_restart,
  op_stopstart,
  op_swap,
  op_prim,
  op_second,
  plan_done,
  plan_failed,
  process_restart,
  process_stopstart,
  process_stop,
};
constexpr std::size_t trigger_count = 13;

enum class Answer : std::uint8_t { none, accept, refuse };

struct TransitionRow {
  std::string_view name;
  PhaseSet from;
  Trigger on;
  bool (*guard)(const Facts&);   // nullptr: always
  std::string_view guard_text;   // the guard in words, for the diagram
  std::optional<Phase> to;       // nullopt: the phase stays
  void (*effect)(Machine&);      // nullptr: none
  Answer answer = Answer::none;  // to the operator who asked
  std::string_view reason;
  std::string_view log_line = {};  // SafeKit's line for the same event, for those who grep for it
};

std::span<const TransitionRow> transition_table();
std::string_view name_of(Trigger trigger);

/// First row that applies; nullptr only for Trigger::facts.
const TransitionRow* find_row(Phase phase, Trigger trigger, const Facts& facts);

}  // namespace clusteragent::core
