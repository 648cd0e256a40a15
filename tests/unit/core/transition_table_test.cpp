#include "agent/core/transition_table.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "agent/core/explain.hpp"

namespace clusteragent::core {
namespace {

constexpr std::array all_triggers{Trigger::op_start,        Trigger::op_stop,           Trigger::op_restart,
                                  Trigger::op_stopstart,    Trigger::op_swap,           Trigger::op_prim,
                                  Trigger::op_second,       Trigger::plan_done,         Trigger::plan_failed,
                                  Trigger::process_restart, Trigger::process_stopstart, Trigger::process_stop};

TEST(TransitionTable, answers_every_trigger_in_every_phase) {
  for (const Phase phase : all_phases) {
    for (const Trigger trigger : all_triggers) {
      const TransitionRow* unconditional = nullptr;
      for (const TransitionRow& row : transition_table()) {
        if (row.on == trigger && row.from.contains(phase) && row.guard == nullptr) unconditional = &row;
      }
      EXPECT_NE(unconditional, nullptr) << name_of(phase) << " has a hole for " << name_of(trigger);
    }
  }
}

TEST(TransitionTable, has_no_row_that_an_earlier_one_hides) {
  for (const TransitionRow& row : transition_table()) {
    bool is_reachable = false;
    for (const Phase phase : all_phases) {
      if (!row.from.contains(phase)) continue;
      bool is_hidden = false;
      for (const TransitionRow& earlier : transition_table()) {
        if (&earlier == &row) break;
        if (earlier.on == row.on && earlier.from.contains(phase) && earlier.guard == nullptr) is_hidden = true;
      }
      if (!is_hidden) is_reachable = true;
    }
    EXPECT_TRUE(is_reachable) << row.name;
  }
}

TEST(TransitionTable, gives_a_reason_wherever_the_phase_changes_or_a_request_is_answered) {
  for (const TransitionRow& row : transition_table()) {
    if (row.to || row.answer != Answer::none) {
      EXPECT_FALSE(row.reason.empty()) << row.name;
    }
    EXPECT_EQ(row.guard == nullptr, row.guard_text.empty()) << row.name << ": guard and its words go together";
  }
}

TEST(TransitionTable, names_every_row_once) {
  std::set<std::string_view> names;
  for (const TransitionRow& row : transition_table()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(TransitionTable, answers_operators_and_nobody_else) {
  for (const TransitionRow& row : transition_table()) {
    const bool is_request = row.on >= Trigger::op_start && row.on <= Trigger::op_second;
    EXPECT_EQ(is_request, row.answer != Answer::none) << row.name;
  }
}

TEST(Explain, knows_each_of_the_five_states_and_no_other) {
  for (const char* state : {"STOP", "wait", "ALONE", "PRIM", "second"}) EXPECT_TRUE(explain_state(state)) << state;
  EXPECT_FALSE(explain_state("MASTER"));
  EXPECT_FALSE(explain_state(""));
}

TEST(Explain, matches_the_committed_page) {
  std::ifstream file{CLUSTERAGENT_SOURCE_DIR "/docs/states.md"};
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(committed.str(), states_page()) << "docs/states.md is stale: clusteragent explain --page > docs/states.md";
}

}  // namespace
}  // namespace clusteragent::core
