// Paths that cannot be used, now or at all.
#include <gmock/gmock.h>

#include "tests/integration/transport/station.hpp"

namespace clusteragent::testing {
namespace {

using ::testing::HasSubstr;

class UnusablePathTest : public TwoStations {};

TEST_F(UnusablePathTest, whose_port_is_taken_names_the_option_to_change) {
  a.open();
  Station second{lan.a, NodeId{0}, a.options.paths};
  const Status opened = second.try_open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("<heart port="));
  EXPECT_THAT(opened.error().message, HasSubstr("9100"));
}

TEST_F(UnusablePathTest, with_addresses_that_are_none_is_an_error) {
  for (const auto& wrong : {path("cable", "10.7.0.2"), path("10.7.0.1", ""), path("10.7.0.1", "fd07::2")}) {
    a.options.paths = {wrong};
    const Status opened = a.try_open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::configuration);
  }
}

TEST_F(UnusablePathTest, waits_for_its_address_while_the_other_one_works) {
  lan.a.must("ip addr del 10.8.0.1/24 dev cable");
  a.open();
  b.open();
  EXPECT_TRUE(beat_until([&] { return a.count<core::FrameReceived>() >= 3; }));
  EXPECT_THAT(a.report()[1].problem, HasSubstr("waits for address 10.8.0.1"));
  EXPECT_EQ(a.report()[0].problem, "");
  lan.a.must("ip addr add 10.8.0.1/24 dev cable");
  EXPECT_TRUE(beat_until([&] { return a.report()[1].condition == wire::PathCondition::up; }));
  EXPECT_EQ(a.report()[1].problem, "");
}

TEST_F(UnusablePathTest, whose_address_went_away_says_so_and_works_again_when_it_is_back) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  lan.a.must("ip addr del 10.8.0.1/24 dev cable");
  ASSERT_TRUE(beat_until([&] { return !a.report()[1].problem.empty(); }));
  EXPECT_GT(a.report()[1].send_errors, 0U);
  lan.a.must("ip addr add 10.8.0.1/24 dev cable");
  EXPECT_TRUE(beat_until([&] {
    const auto now = a.report()[1];
    return now.problem.empty() && now.condition == wire::PathCondition::up && now.last_heard_age < path_timeout / 4;
  }));
}

TEST_F(UnusablePathTest, whose_link_is_down_does_not_keep_the_loop_busy) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  lan.a.must("ip link set cable down");
  a.beat();
  a.poll();
  std::size_t turns = 0;
  for (int round = 0; round < 20; ++round) {
    a.io.restart();
    turns += a.io.poll();
  }
  EXPECT_LT(turns, 8U);
  lan.a.must("ip link set cable up");
  EXPECT_TRUE(beat_until([&] { return a.report()[0].condition == wire::PathCondition::up; }));
}

TEST_F(UnusablePathTest, that_is_tied_to_an_interface_survives_its_replacement) {
  const auto make = [this] {
    lan.a.must("ip link add extra type veth peer name other_end && ip link set other_end up");
    lan.a.must("ip addr add 10.9.0.1/24 dev extra");
    lan.a.must("ip link set extra up");
  };
  make();
  a.options.paths = {path("10.9.0.1", "10.9.0.2")};
  a.options.paths[0].interface = "extra";
  a.open();
  ASSERT_TRUE(beat_until([&] { return a.report()[0].frames_sent > 2; }));
  lan.a.must("ip link del extra");
  ASSERT_TRUE(beat_until([&] { return !a.report()[0].problem.empty(); }));
  make();
  const auto sent = a.report()[0].frames_sent;
  EXPECT_TRUE(beat_until([&] { return a.report()[0].problem.empty() && a.report()[0].frames_sent > sent + 2; }))
      << a.report()[0].problem;
}

TEST_F(UnusablePathTest, that_a_firewall_blocks_says_so) {
  a.open();
  lan.a.must("nft 'table ip t { chain out { type filter hook output priority 0; udp dport 9100 drop; }; }'");
  EXPECT_TRUE(beat_until([&] { return !a.report()[0].problem.empty(); }));
  EXPECT_THAT(a.report()[0].problem, HasSubstr("cannot send: Operation not permitted"));
}

}  // namespace
}  // namespace clusteragent::testing
