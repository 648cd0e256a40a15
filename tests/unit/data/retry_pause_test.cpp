#include "agent/data/filesync/stream/retry_pause.hpp"

#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

using End = RetryPause::End;

Duration after_many(RetryPause& pause, End end) {
  Duration last{};
  for (int turn = 0; turn < 20; ++turn) last = pause.after(end);
  return last;
}

TEST(RetryPause, grows_to_its_bound) {
  RetryPause pause;
  EXPECT_EQ(pause.after(End::broken_off), RetryPause::first);
  EXPECT_EQ(pause.after(End::broken_off), 2 * RetryPause::first);
  EXPECT_EQ(after_many(pause, End::broken_off), RetryPause::broken_off_max);
}

TEST(RetryPause, is_short_again_for_a_replica_that_was_up_to_date) {
  RetryPause pause;
  after_many(pause, End::broken_off);
  EXPECT_EQ(pause.after(End::up_to_date), RetryPause::first);
}

TEST(RetryPause, gives_one_that_failed_more_time_and_one_that_was_away_not) {
  RetryPause pause;
  EXPECT_EQ(after_many(pause, End::failed), RetryPause::failed_max);
  EXPECT_EQ(pause.after(End::broken_off), RetryPause::broken_off_max);
}

}  // namespace
}  // namespace clusteragent::filesync
