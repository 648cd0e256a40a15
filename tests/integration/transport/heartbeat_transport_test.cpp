// Two transports that hear each other, and what must not get through.
#include "agent/transport/heartbeat_transport.hpp"

#include <gmock/gmock.h>

#include "tests/integration/transport/station.hpp"

namespace clusteragent::testing {
namespace {

using ::testing::HasSubstr;
using wire::PathCondition;

class HeartbeatTransportTest : public TwoStations {};

TEST_F(HeartbeatTransportTest, brings_heartbeats_over_every_path_and_measures_it) {
  a.open();
  b.open();
  ASSERT_TRUE(beat_until([&] {
    const auto report = a.report();
    return std::all_of(report.begin(), report.end(), [](const auto& one) {
      return one.condition == PathCondition::up && one.round_trip && one.jitter && one.peer_heard_age;
    });
  }));
  for (const transport::PathReport& one : a.report()) {
    EXPECT_LT(*one.round_trip, std::chrono::seconds{1});
    EXPECT_EQ(one.loss_permille, 0);
    EXPECT_EQ(one.problem, "");
    EXPECT_GT(one.frames_received, 0U);
  }
  const auto& first = std::get<core::FrameReceived>(a.events.front());
  EXPECT_EQ(first.status.node, NodeId{1});
  EXPECT_EQ(first.status.incarnation, b.options.incarnation);
  EXPECT_GT(a.transport->counters().accepted, 0U);
  EXPECT_EQ(a.transport->counters().bad_mac + a.transport->counters().malformed + a.transport->counters().replayed, 0U);
}

TEST_F(HeartbeatTransportTest, works_over_ipv6) {
  a.options.paths = {path("fd07::1", "fd07::2")};
  b.options.paths = {path("fd07::2", "fd07::1")};
  a.open();
  b.open();
  EXPECT_TRUE(both_hear());
}

TEST_F(HeartbeatTransportTest, marks_its_frames_as_network_control) {
  lan.b.must(
      "nft 'table ip t { counter marked { }; chain in { type filter hook input priority 0; udp dport 9100 ip dscp cs6 "
      "counter name marked; }; }'");
  a.open();
  a.beat();
  EXPECT_THAT(lan.b.shell("nft list counter ip t marked").output, HasSubstr("packets 2"));
}

TEST_F(HeartbeatTransportTest, drops_the_frames_of_another_key) {
  b.options.cluster_key = wire::Key{8};
  a.open();
  b.open();
  ASSERT_TRUE(beat_until([&] { return a.transport->counters().bad_mac >= 4 && b.transport->counters().bad_mac >= 4; }));
  EXPECT_TRUE(a.events.empty() && b.events.empty());
  EXPECT_EQ(a.report()[0].condition, PathCondition::unknown);
}

TEST_F(HeartbeatTransportTest, drops_the_frames_of_another_module) {
  b.options.module = "other";
  a.open();
  b.open();
  ASSERT_TRUE(beat_until([&] { return a.transport->counters().foreign_module >= 4; }));
  EXPECT_TRUE(a.events.empty() && b.events.empty());
}

TEST_F(HeartbeatTransportTest, names_a_one_way_cut_on_both_sides) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  lan.b.must(
      "nft 'table ip t { chain in { type filter hook input priority 0; ip saddr 10.7.0.1 udp dport 9100 drop; }; }'");
  EXPECT_TRUE(beat_until([&] {
    return a.report()[0].condition == PathCondition::peer_deaf && b.report()[0].condition == PathCondition::self_deaf;
  }));
  EXPECT_EQ(a.report()[1].condition, PathCondition::up);
  EXPECT_EQ(b.report()[1].condition, PathCondition::up);
  lan.b.must("nft delete table ip t");
  EXPECT_TRUE(beat_until(
      [&] { return a.report()[0].condition == PathCondition::up && b.report()[0].condition == PathCondition::up; }));
}

class RestartedPeerTest : public TwoStations {
 protected:
  void SetUp() override {
    TwoStations::SetUp();
    a.open();
    b.open();
    ASSERT_TRUE(both_hear());
    b.close();
    b.options.incarnation = Incarnation{5555};
    b.open();
    a.poll();
    a.events.clear();
    b.events.clear();
  }
  // a sends no further heartbeat of its own: b hears nothing but its answers, which are rationed.
  bool both_believe() {
    return eventually(patience, [&] {
      b.beat();
      a.poll();
      b.poll();
      return a.count<core::FrameReceived>() > 0 && b.count<core::FrameReceived>() > 0;
    });
  }
};

TEST_F(RestartedPeerTest, proves_itself_without_waiting_for_a_pulse) {
  ASSERT_TRUE(both_believe());
  EXPECT_GT(a.transport->counters().unproven, 0U);
  EXPECT_EQ(std::get<core::FrameReceived>(a.events.back()).status.incarnation, Incarnation{5555});
}

TEST_F(RestartedPeerTest, is_answered_with_no_age_below_zero_when_the_core_speaks_first) {
  a.beats_at_once = b.beats_at_once = true;
  ASSERT_TRUE(both_believe());
  a.poll();
  b.poll();
  EXPECT_EQ(a.transport->counters().malformed, 0U);
  EXPECT_EQ(b.transport->counters().malformed, 0U);
}

TEST_F(RestartedPeerTest, that_has_already_heard_is_answered_all_the_same) {
  a.beat(true);
  b.poll();
  ASSERT_EQ(b.count<core::FrameReceived>(), 0U) << "what was meant for the former life proves nothing";
  ASSERT_TRUE(both_believe());
  EXPECT_FALSE(std::get<core::FrameReceived>(b.events.back()).status.is_probe)
      << "or answers would be answered for ever";
}

TEST_F(HeartbeatTransportTest, delivers_all_that_has_arrived_in_one_drain) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  b.poll();
  b.events.clear();
  constexpr std::size_t beats = 100;
  for (std::size_t count = 0; count < beats; ++count) a.beat();
  b.transport->drain();
  EXPECT_EQ(b.count<core::FrameReceived>(), beats * 2);
}

TEST_F(HeartbeatTransportTest, goes_on_reading_after_more_than_one_turn_can_take) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  b.poll();
  b.events.clear();
  for (int round = 0; round < 20; ++round) {
    for (std::size_t count = 0; count < 100; ++count) a.beat();
    b.poll();
  }
  EXPECT_EQ(b.count<core::FrameReceived>(), 4000U);
}

TEST_F(HeartbeatTransportTest, brings_a_report_once_over_two_paths) {
  a.open();
  b.open();
  ASSERT_TRUE(both_hear());
  const std::string text = std::string(wire::report_bytes_max - 1, 'r') + "!";
  EXPECT_TRUE(a.transport->send_report(text));
  ASSERT_TRUE(eventually(patience, [&] {
    b.poll();
    return !b.reports.empty();
  }));
  b.poll();
  EXPECT_EQ(b.reports, std::vector{text});
  EXPECT_FALSE(a.transport->send_report(text + "x"));
}

TEST_F(HeartbeatTransportTest, works_unmeasured_where_the_nodes_number_their_paths_differently) {
  std::swap(b.options.paths[0], b.options.paths[1]);
  a.open();
  b.open();
  EXPECT_TRUE(both_hear());
  EXPECT_EQ(a.report()[0].condition, PathCondition::unknown);
}

TEST_F(HeartbeatTransportTest, recognises_a_living_peer_of_another_protocol) {
  b.open();
  BareSocket peer{lan.a};
  const wire::Keys keys = wire::Keys::derive(b.options.cluster_key, "demo");
  wire::Header header;
  header.module_hash = wire::module_hash("demo");
  header.incarnation = Incarnation{77};
  header.version = 4;
  header.speaks = {3, 4};
  header.sequence = 1;
  b.beat();
  wire::Bytes heard;
  ASSERT_TRUE(eventually(patience, [&] { return !(heard = peer.receive()).empty(); }));
  header.echo = std::get<wire::Decoded>(wire::decode(heard, header.module_hash, keys)).header.challenge;
  peer.send(wire::encode(header, wire::StatusFrame{}, keys));
  ASSERT_TRUE(eventually(patience, [&] {
    b.poll();
    return b.count<core::PeerIncompatible>() == 1;
  }));
  EXPECT_EQ(std::get<core::PeerIncompatible>(b.events.back()).version_min, 3);
  EXPECT_EQ(std::get<core::PeerIncompatible>(b.events.back()).version_max, 4);
}

}  // namespace
}  // namespace clusteragent::testing
