#include "agent/wire/path_meter.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

using std::chrono::milliseconds;

class PathMeterTest : public testing::Test {
 protected:
  PathMeter meter;
  Instant start = Instant::from_nanoseconds(1'000'000'000);
  Instant at(Duration offset) const { return start + offset; }
};

TEST_F(PathMeterTest, counts_every_fourth_frame_missing_as_a_quarter) {
  for (std::uint64_t sequence = 1; sequence <= 400; ++sequence) {
    if (sequence % 4 != 0) meter.heard(start, Incarnation{1}, sequence);
  }
  EXPECT_NEAR(meter.loss_permille(), 250, 5);
}

TEST_F(PathMeterTest, does_not_count_a_late_frame_as_lost) {
  meter.heard(start, Incarnation{1}, 1);
  meter.heard(start, Incarnation{1}, 3);
  EXPECT_EQ(meter.loss_permille(), 333);
  meter.heard(start, Incarnation{1}, 2);
  EXPECT_EQ(meter.loss_permille(), 0);
}

TEST_F(PathMeterTest, starts_over_with_a_new_life_of_the_peer) {
  meter.heard(start, Incarnation{1}, 1);
  meter.heard(start, Incarnation{1}, 100);
  meter.heard(start, Incarnation{2}, 1);
  EXPECT_EQ(meter.loss_permille(), 0);
}

TEST_F(PathMeterTest, takes_the_time_the_peer_kept_a_stamp_out_of_the_round_trip) {
  StatusFrame frame;
  frame.sent_at = 1;
  frame.echo = start.nanoseconds();
  frame.echo_held = milliseconds{90};
  meter.stamps(at(milliseconds{92}), frame);
  EXPECT_EQ(meter.round_trip(), milliseconds{2});
}

TEST_F(PathMeterTest, names_a_one_way_cut) {
  EXPECT_EQ(meter.condition(start, milliseconds{100}), PathCondition::unknown);
  meter.heard(start, Incarnation{1}, 1);
  EXPECT_EQ(meter.condition(start, milliseconds{100}), PathCondition::up);
  meter.peer_fact(start, PathFact{PathId{0}, true, milliseconds{150}, 0});
  EXPECT_EQ(meter.condition(start, milliseconds{100}), PathCondition::peer_deaf);
  EXPECT_EQ(meter.condition(at(milliseconds{100}), milliseconds{100}), PathCondition::silent);
}

TEST_F(PathMeterTest, learns_over_another_path_that_only_this_node_is_deaf_here) {
  meter.heard(start, Incarnation{1}, 1);
  meter.peer_fact(at(milliseconds{200}), PathFact{PathId{0}, true, milliseconds{5}, 0});
  EXPECT_EQ(meter.condition(at(milliseconds{200}), milliseconds{100}), PathCondition::self_deaf);
}

}  // namespace
}  // namespace clusteragent::wire
