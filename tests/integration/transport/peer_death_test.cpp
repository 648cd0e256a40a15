// A peer whose process ended while its kernel lives is known at once.
#include <gtest/gtest.h>

#include "tests/integration/transport/station.hpp"

namespace clusteragent::testing {
namespace {

class PeerDeathTest : public TwoStations {
 protected:
  void SetUp() override {
    TwoStations::SetUp();
    a.open();
    b.open();
    ASSERT_TRUE(both_hear());
    a.poll();
    a.events.clear();
  }
};

TEST_F(PeerDeathTest, is_reported_by_the_first_heartbeat_that_is_refused) {
  b.close();
  a.beat();
  ASSERT_TRUE(eventually(path_timeout / 2, [&] {
    a.poll();
    return a.count<core::PeerProcessGone>() >= 2;
  })) << "on either path, and sooner than the timeout";
  EXPECT_EQ(a.report()[0].refused, 1U);
  EXPECT_EQ(a.report()[0].problem, "");
}

TEST_F(PeerDeathTest, is_reported_again_by_every_heartbeat_but_never_from_inside_send) {
  b.close();
  for (int count = 0; count < 5; ++count) a.beat();
  EXPECT_FALSE(a.was_called_from_send);
  EXPECT_EQ(a.count<core::PeerProcessGone>(), 0U);
  ASSERT_TRUE(eventually(patience, [&] {
    a.poll();
    return a.count<core::PeerProcessGone>() >= 2;
  }));
  EXPECT_FALSE(a.was_called_from_send);
}

TEST_F(PeerDeathTest, is_known_before_a_deadline_that_is_drained_for) {
  b.close();
  a.beat();
  a.beat();
  a.transport->drain();
  EXPECT_GE(a.count<core::PeerProcessGone>(), 2U);
}

TEST_F(PeerDeathTest, costs_no_heartbeat_once_the_peer_is_back) {
  b.close();
  a.beat();
  b.options.incarnation = Incarnation{9};
  b.events.clear();
  b.open();
  EXPECT_TRUE(beat_until([&] { return b.count<core::FrameReceived>() >= 2 && a.count<core::FrameReceived>() >= 2; }));
  EXPECT_EQ(a.report()[0].send_errors, 0U);
}

TEST_F(PeerDeathTest, is_told_by_the_guard_with_frames_that_the_agent_has_signed) {
  const auto frames = a.transport->release_frames(Epoch{6});
  ASSERT_EQ(frames.size(), 2U);
  a.close();
  b.events.clear();
  BareSocket guard{lan.a};
  guard.send(frames[0]);
  guard.send(frames[0]);
  ASSERT_TRUE(eventually(patience, [&] {
    b.poll();
    return b.count<core::PeerGuardReleased>() == 1 && b.transport->counters().replayed == 1;
  }));
  const auto released = std::find_if(b.events.begin(), b.events.end(), [](const core::Event& event) {
    return std::holds_alternative<core::PeerGuardReleased>(event);
  });
  EXPECT_EQ(std::get<core::PeerGuardReleased>(*released).epoch, Epoch{6});
}

}  // namespace
}  // namespace clusteragent::testing
