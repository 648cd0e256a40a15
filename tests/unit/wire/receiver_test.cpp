#include "agent/wire/receiver.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

class ReceiverTest : public testing::Test {
 protected:
  Keys keys = Keys::derive(Key{1}, "m");
  Incarnation own{100};
  Receiver receiver{module_hash("m"), keys, NodeId{0}, own};

  Bytes frame(std::uint64_t incarnation, std::uint64_t sequence, Incarnation echo, std::uint8_t version = 1) const {
    Header header{.module_hash = module_hash("m"),
                  .node = NodeId{1},
                  .incarnation = Incarnation{incarnation},
                  .sequence = sequence};
    header.version = version;
    StatusFrame status;
    status.heard_incarnation = echo;
    return encode(header, status, keys);
  }
  bool is_accepted(const Bytes& bytes) { return std::holds_alternative<Accepted>(receiver.receive(bytes)); }
};

TEST_F(ReceiverTest, believes_a_life_only_once_it_has_echoed_ours) {
  EXPECT_TRUE(std::holds_alternative<Unproven>(receiver.receive(frame(7, 1, Incarnation{}))));
  EXPECT_EQ(receiver.last_seen(), Incarnation{7});
  EXPECT_TRUE(is_accepted(frame(7, 2, own)));
  EXPECT_TRUE(is_accepted(frame(7, 3, Incarnation{}))) << "proven once is proven";
}

TEST_F(ReceiverTest, takes_each_frame_once) {
  const Bytes bytes = frame(7, 5, own);
  EXPECT_TRUE(is_accepted(bytes));
  EXPECT_FALSE(is_accepted(bytes));
  EXPECT_EQ(receiver.counters().replayed, 1U);
}

TEST_F(ReceiverTest, lets_reordered_frames_through_within_the_window) {
  EXPECT_TRUE(is_accepted(frame(7, 70, own)));
  EXPECT_TRUE(is_accepted(frame(7, 69, own)));
  EXPECT_TRUE(is_accepted(frame(7, 7, own)));
  EXPECT_FALSE(is_accepted(frame(7, 6, own)));
}

TEST_F(ReceiverTest, refuses_recordings_of_a_life_that_another_has_replaced) {
  const Bytes recorded = frame(7, 50, own);
  EXPECT_TRUE(is_accepted(frame(7, 1, own)));
  EXPECT_TRUE(is_accepted(frame(8, 1, own)));
  EXPECT_FALSE(is_accepted(recorded));
}

TEST_F(ReceiverTest, after_our_own_restart_refuses_what_was_recorded_before_it) {
  const Bytes recorded = frame(7, 50, own);
  Receiver restarted{module_hash("m"), keys, NodeId{0}, Incarnation{101}};
  EXPECT_TRUE(std::holds_alternative<Unproven>(restarted.receive(recorded)));
}

TEST_F(ReceiverTest, tells_an_incompatible_peer_from_a_forgery) {
  EXPECT_TRUE(std::holds_alternative<Incompatible>(receiver.receive(frame(7, 1, own, 9))));
  Bytes forged = frame(7, 1, own, 9);
  forged.back() ^= 1;
  EXPECT_TRUE(std::holds_alternative<Dropped>(receiver.receive(forged)));
  EXPECT_EQ(receiver.counters().bad_mac, 1U);
}

TEST_F(ReceiverTest, does_not_hear_itself) {
  Header header{.module_hash = module_hash("m"), .node = NodeId{0}, .incarnation = own, .sequence = 1};
  EXPECT_TRUE(std::holds_alternative<Dropped>(receiver.receive(encode(header, StatusFrame{}, keys))));
}

}  // namespace
}  // namespace clusteragent::wire
