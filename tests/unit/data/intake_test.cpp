// What the replica owes for each operation of a stream.
#include "agent/data/filesync/ledger/intake.hpp"

#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

Intake after_beginning() {
  Intake intake;
  intake.done(Op::manifest_begin);
  return intake;
}

TEST(Intake, marks_the_copy_before_its_first_change_and_ends_it_once) {
  Intake intake;
  EXPECT_EQ(intake.duty_of(Op::manifest_begin, Sequence{1}), Duty::begin_copy);
  intake.done(Op::manifest_begin);
  EXPECT_TRUE(intake.is_copying());
  EXPECT_EQ(intake.duty_of(Op::write, Sequence{2}), Duty::apply);
  intake.done(Op::write);
  EXPECT_EQ(intake.duty_of(Op::copy_end, Sequence{3}), Duty::end_copy);
  intake.done(Op::copy_end);
  EXPECT_FALSE(intake.is_copying());
  EXPECT_EQ(intake.applied(), Sequence{3});
  EXPECT_EQ(intake.duty_of(Op::copy_end, Sequence{4}), Duty::refuse);
}

TEST(Intake, takes_nothing_twice_and_misses_nothing) {
  const Intake intake = after_beginning();
  EXPECT_EQ(intake.duty_of(Op::write, Sequence{1}), Duty::refuse);
  EXPECT_EQ(intake.duty_of(Op::write, Sequence{2}), Duty::apply);
  EXPECT_EQ(intake.duty_of(Op::write, Sequence{3}), Duty::refuse);
}

TEST(Intake, refuses_a_stream_that_begins_with_no_copy) {
  EXPECT_EQ(Intake{}.duty_of(Op::write, Sequence{1}), Duty::refuse);
  EXPECT_EQ(Intake{}.duty_of(Op::copy_end, Sequence{1}), Duty::refuse);
}

TEST(Intake, is_not_further_for_what_failed) {
  const Intake intake = after_beginning();
  EXPECT_EQ(intake.duty_of(Op::write, Sequence{2}), Duty::apply);
  EXPECT_EQ(intake.applied(), Sequence{1});
}

}  // namespace
}  // namespace clusteragent::filesync
