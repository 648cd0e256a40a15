#include "agent/wire/path_meter.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
constexpr Duration timeout = milliseconds{100};

class PathMeterTest : public testing::Test {
 protected:
  Instant start = Instant::from_nanoseconds(1'000'000'000);
  PathMeter meter{start};
  Instant at(Duration offset) const { return start + offset; }

  void hear(Instant now, std::uint64_t sequence, const StatusFrame& frame = {}, std::uint64_t life = 1) {
    Header header;
    header.incarnation = Incarnation{life};
    header.sequence = sequence;
    meter.heard(now, header, frame);
  }
  static PathFact fact(Duration age) { return {PathId{0}, true, age, 0}; }
};

TEST_F(PathMeterTest, counts_every_fourth_frame_missing_as_a_quarter) {
  for (std::uint64_t sequence = 1; sequence <= 400; ++sequence) {
    if (sequence % 4 != 0) hear(start, sequence);
  }
  EXPECT_NEAR(meter.loss_permille(), 250, 5);
}

TEST_F(PathMeterTest, forgets_old_loss) {
  hear(start, 1);
  hear(start, 101);
  EXPECT_GT(meter.loss_permille(), 900);
  for (std::uint64_t sequence = 102; sequence < 102 + 300; ++sequence) hear(start, sequence);
  EXPECT_EQ(meter.loss_permille(), 0);
}

TEST_F(PathMeterTest, does_not_count_a_late_frame_as_lost) {
  hear(start, 1);
  hear(start, 3);
  EXPECT_EQ(meter.loss_permille(), 333);
  hear(start, 2);
  EXPECT_EQ(meter.loss_permille(), 0);
}

TEST_F(PathMeterTest, does_not_count_what_was_sent_before_it_listened) {
  hear(start, 5000);
  EXPECT_EQ(meter.loss_permille(), 0);
  hear(start, 4000);
  EXPECT_EQ(meter.loss_permille(), 0);
  hear(start, ~std::uint64_t{0});
  EXPECT_EQ(meter.loss_permille(), 996) << "255 of the last 256";
}

TEST_F(PathMeterTest, starts_over_with_a_new_life_of_the_peer) {
  hear(start, 1);
  hear(start, 100);
  hear(start, 1, {}, 2);
  EXPECT_EQ(meter.loss_permille(), 0);
  EXPECT_FALSE(meter.jitter());
}

TEST_F(PathMeterTest, takes_the_time_the_peer_kept_a_stamp_out_of_the_round_trip) {
  StatusFrame frame;
  frame.echo = start.nanoseconds();
  frame.echo_held = milliseconds{90};
  hear(at(milliseconds{92}), 1, frame);
  EXPECT_EQ(meter.round_trip(), milliseconds{2});
}

TEST_F(PathMeterTest, smooths_the_round_trip_by_an_eighth) {
  StatusFrame frame;
  frame.echo = start.nanoseconds();
  hear(at(milliseconds{8}), 1, frame);
  hear(at(milliseconds{16}), 2, frame);
  EXPECT_EQ(meter.round_trip(), milliseconds{9});
}

TEST_F(PathMeterTest, believes_no_stamp_that_this_life_did_not_send) {
  StatusFrame frame;
  frame.echo = start.nanoseconds() - 1;
  hear(at(milliseconds{5}), 1, frame);
  frame.echo = at(milliseconds{50}).nanoseconds();
  hear(at(milliseconds{6}), 2, frame);
  frame.echo = start.nanoseconds();
  frame.echo_held = milliseconds{500};
  hear(at(milliseconds{7}), 3, frame);
  EXPECT_FALSE(meter.round_trip());
}

TEST_F(PathMeterTest, counts_as_jitter_only_what_changes_in_the_transit) {
  StatusFrame frame;
  for (std::uint64_t beat = 0; beat < 10; ++beat) {
    frame.sent_at = 5'000'000 + static_cast<std::int64_t>(beat) * 10'000'000;
    hear(at(milliseconds{10} * beat), beat + 1, frame);
  }
  EXPECT_EQ(meter.jitter(), Duration::zero());
  frame.sent_at += 10'000'000;
  hear(at(milliseconds{100} + microseconds{160}), 11, frame);
  EXPECT_EQ(meter.jitter(), microseconds{10});
}

TEST_F(PathMeterTest, keeps_the_newest_stamp_of_the_peer_to_send_back) {
  EXPECT_FALSE(meter.stamp());
  StatusFrame frame;
  frame.sent_at = 20;
  hear(at(milliseconds{1}), 2, frame);
  frame.sent_at = 10;
  hear(at(milliseconds{2}), 1, frame);
  ASSERT_TRUE(meter.stamp());
  EXPECT_EQ(meter.stamp()->sent_at, 20);
  EXPECT_EQ(meter.stamp()->received, at(milliseconds{1}));
}

TEST_F(PathMeterTest, knows_nothing_before_the_first_frame) {
  EXPECT_EQ(meter.condition(start, timeout), PathCondition::unknown);
  EXPECT_EQ(meter.condition(at(std::chrono::hours{1}), timeout), PathCondition::unknown);
}

TEST_F(PathMeterTest, is_up_while_both_hear_each_other_and_silent_after) {
  hear(start, 1);
  meter.peer_fact(start, fact(milliseconds{99}));
  EXPECT_EQ(meter.condition(at(milliseconds{99}), timeout), PathCondition::up);
  EXPECT_EQ(meter.condition(at(milliseconds{100}), timeout), PathCondition::silent);
}

TEST_F(PathMeterTest, names_a_peer_that_does_not_hear_us) {
  hear(start, 1);
  meter.peer_fact(start, fact(milliseconds{100}));
  EXPECT_EQ(meter.condition(start, timeout), PathCondition::peer_deaf);
}

TEST_F(PathMeterTest, does_not_call_a_peer_deaf_that_has_only_just_started) {
  const PathFact nothing{PathId{0}, false, Duration{}, 0};
  hear(start, 1);
  meter.peer_fact(start, nothing);
  EXPECT_EQ(meter.condition(start, timeout), PathCondition::up);
  hear(at(timeout), 2);
  meter.peer_fact(at(timeout), nothing);
  EXPECT_EQ(meter.condition(at(timeout), timeout), PathCondition::peer_deaf);
}

TEST_F(PathMeterTest, names_our_own_deafness_from_what_the_peer_says_on_another_path) {
  hear(start, 1);
  meter.peer_fact(at(timeout), fact(milliseconds{5}));
  EXPECT_EQ(meter.condition(at(timeout), timeout), PathCondition::self_deaf);
  meter.peer_fact(at(timeout), fact(timeout));
  EXPECT_EQ(meter.condition(at(timeout), timeout), PathCondition::silent) << "it hears nothing on it either";
  meter.peer_fact(at(timeout), fact(milliseconds{5}));
  EXPECT_EQ(meter.condition(at(2 * timeout), timeout), PathCondition::silent) << "what it said is old by now";
}

}  // namespace
}  // namespace clusteragent::wire
