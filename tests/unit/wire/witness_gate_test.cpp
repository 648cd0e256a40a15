#include "agent/wire/witness_gate.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

WitnessHeader asked(std::uint64_t incarnation, std::uint64_t ask, std::uint64_t challenge) {
  return {1, 2, NodeId{0}, Incarnation{incarnation}, ask, challenge};
}

TEST(WitnessGate, believes_a_life_that_repeats_the_challenge_and_no_other) {
  WitnessGate gate{100};
  EXPECT_EQ(gate.judge(asked(7, 1, 0)), Entry::unproven);
  EXPECT_EQ(gate.judge(asked(7, 1, 99)), Entry::unproven);
  EXPECT_EQ(gate.judge(asked(7, 1, gate.challenge_for(Incarnation{7}))), Entry::admitted);
}

TEST(WitnessGate, drops_what_is_repeated_or_overtaken) {
  WitnessGate gate{100};
  ASSERT_EQ(gate.judge(asked(7, 5, 100)), Entry::admitted);
  EXPECT_EQ(gate.judge(asked(7, 5, 100)), Entry::stale);
  EXPECT_EQ(gate.judge(asked(7, 4, 100)), Entry::stale);
  EXPECT_EQ(gate.judge(asked(7, 6, 100)), Entry::admitted);
}

TEST(WitnessGate, does_not_let_a_former_life_in_with_anything_that_it_ever_said) {
  WitnessGate gate{100};
  ASSERT_EQ(gate.judge(asked(7, 1, 100)), Entry::admitted);
  ASSERT_EQ(gate.judge(asked(8, 1, gate.challenge_for(Incarnation{8}))), Entry::admitted);
  EXPECT_EQ(gate.judge(asked(7, 1, 100)), Entry::unproven);
  EXPECT_EQ(gate.judge(asked(7, 2, 101)), Entry::unproven);
  EXPECT_EQ(gate.judge(asked(8, 2, 101)), Entry::admitted) << "and the believed one goes on";
}

TEST(WitnessGate, of_another_life_of_the_witness_asks_for_another_challenge) {
  WitnessGate gate{500};
  EXPECT_EQ(gate.judge(asked(7, 9, 100)), Entry::unproven);
  EXPECT_EQ(gate.challenge_for(Incarnation{7}), 500U);
}

TEST(WitnessGate, never_asks_for_no_challenge_at_all) {
  WitnessGate gate{~std::uint64_t{0}};
  ASSERT_EQ(gate.judge(asked(7, 1, ~std::uint64_t{0})), Entry::admitted);
  EXPECT_NE(gate.challenge_for(Incarnation{8}), 0U);
  EXPECT_EQ(gate.judge(asked(8, 1, 0)), Entry::unproven);
}

}  // namespace
}  // namespace clusteragent::wire
