#include "agent/core/peer_judge.hpp"

#include <gtest/gtest.h>

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

class PeerJudgeTest : public testing::Test {
 protected:
  Instant start = Instant::from_nanoseconds(5'000'000'000);
  PeerJudge judge{milliseconds{10}, milliseconds{50}, start};

  Instant after(Duration silence) const { return start + silence; }
  int probe_until(Duration silence) {
    int probes = 0;
    for (Instant now = start; now <= after(silence); now = now + std::chrono::microseconds{100})
      probes += judge.take_due_probe(now);
    return probes;
  }
};

TEST_F(PeerJudgeTest, sends_no_probe_in_the_first_half_of_the_timeout) {
  EXPECT_EQ(probe_until(milliseconds{24}), 0);
}

TEST_F(PeerJudgeTest, has_sent_a_whole_burst_when_the_timeout_is_over) {
  EXPECT_EQ(probe_until(milliseconds{50}), 16);
  EXPECT_TRUE(judge.is_silent(after(milliseconds{50})));
}

TEST_F(PeerJudgeTest, does_not_call_a_peer_silent_whom_it_never_asked) {
  EXPECT_FALSE(judge.is_silent(after(milliseconds{5000})));
}

TEST_F(PeerJudgeTest, starts_over_when_a_frame_comes) {
  probe_until(milliseconds{45});
  judge.heard(after(milliseconds{45}));
  EXPECT_FALSE(judge.is_silent(after(milliseconds{94})));
}

TEST_F(PeerJudgeTest, waits_for_the_burst_after_its_own_stall) {
  const Instant woken = after(milliseconds{400});
  Instant now = woken;
  while (!judge.is_silent(now)) {
    judge.take_due_probe(now);
    now = now + std::chrono::microseconds{100};
  }
  EXPECT_GE(now - woken, milliseconds{20});
  EXPECT_LE(now - woken, milliseconds{30});
}

TEST_F(PeerJudgeTest, takes_a_port_unreachable_at_its_word_only_without_frames) {
  judge.process_gone();
  EXPECT_FALSE(judge.is_process_gone(after(milliseconds{14})));
  EXPECT_TRUE(judge.is_process_gone(after(milliseconds{15})));
  judge.heard(after(milliseconds{16}));
  EXPECT_FALSE(judge.is_process_gone(after(milliseconds{40})));
}

TEST_F(PeerJudgeTest, names_a_deadline_until_the_verdict_and_none_after_it) {
  Instant now = start;
  int rounds = 0;
  while (const auto next = judge.next_deadline(now)) {
    ASSERT_LT(++rounds, 100) << "the deadlines do not advance";
    now = std::max(now, *next);
    judge.take_due_probe(now);
  }
  EXPECT_TRUE(judge.is_silent(now));
  EXPECT_EQ(now - start, milliseconds{50});
}

}  // namespace
}  // namespace clusteragent::core
