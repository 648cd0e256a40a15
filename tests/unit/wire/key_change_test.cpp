// Frames while the cluster key is being changed: whoever signs with an accepted key is heard, and nothing that made
// recordings worthless is forgotten.
#include <gtest/gtest.h>

#include "agent/wire/receiver.hpp"

namespace clusteragent::wire {
namespace {

class KeyChange : public testing::Test {
 protected:
  static Keys keys_of(std::uint8_t number) { return Keys::derive(Key{number}, "m"); }
  Bytes frame(std::uint8_t key, std::uint64_t sequence, std::uint64_t echo, std::uint64_t incarnation = 7) const {
    Header header;
    header.module_hash = module_hash("m");
    header.node = NodeId{1};
    header.incarnation = Incarnation{incarnation};
    header.challenge = incarnation * 1000;
    header.sequence = sequence;
    header.echo = echo;
    return encode(header, StatusFrame{}, keys_of(key));
  }
  bool is_accepted(const Bytes& bytes) { return std::holds_alternative<Accepted>(receiver.receive(bytes)); }

  Receiver receiver{module_hash("m"), keys_of(1), NodeId{0}, Incarnation{100}};
};

TEST_F(KeyChange, a_life_goes_on_under_the_next_key) {
  ASSERT_TRUE(is_accepted(frame(1, 1, receiver.challenge())));
  EXPECT_FALSE(is_accepted(frame(2, 2, 0))) << "not known yet";
  receiver.set_keys({keys_of(1), keys_of(2)});
  EXPECT_FALSE(receiver.peer_key());
  EXPECT_TRUE(is_accepted(frame(1, 2, 0)));
  EXPECT_EQ(receiver.peer_key(), 0U);
  EXPECT_TRUE(is_accepted(frame(2, 3, 0))) << "no proof anew";
  EXPECT_EQ(receiver.peer_key(), 1U);
  receiver.set_keys({keys_of(2), keys_of(1)});
  EXPECT_TRUE(is_accepted(frame(2, 4, 0)));
  EXPECT_TRUE(is_accepted(frame(1, 5, 0))) << "the peer may be behind, or ahead";
  receiver.set_keys({keys_of(2)});
  EXPECT_TRUE(is_accepted(frame(2, 6, 0)));
  EXPECT_FALSE(is_accepted(frame(1, 7, 0)));
  EXPECT_EQ(receiver.counters().unproven, 0U);
}

TEST_F(KeyChange, a_recording_is_worth_as_little_under_another_key) {
  ASSERT_TRUE(is_accepted(frame(1, 10, receiver.challenge())));
  receiver.set_keys({keys_of(2), keys_of(1)});
  EXPECT_FALSE(is_accepted(frame(1, 10, 0)));
  EXPECT_FALSE(is_accepted(frame(2, 10, 0))) << "sequence numbers go on across keys";
  EXPECT_EQ(receiver.counters().replayed, 2U);
  const std::uint64_t old_challenge = receiver.challenge();
  ASSERT_TRUE(is_accepted(frame(2, 1, receiver.challenge(), 8))) << "a new life";
  EXPECT_FALSE(is_accepted(frame(1, 11, old_challenge))) << "of the life before, with the key of then";
  EXPECT_FALSE(is_accepted(frame(1, 1, old_challenge, 9))) << "an echo of a challenge that is past proves nothing";
}

TEST_F(KeyChange, a_forged_frame_counts_once_however_many_keys_are_tried) {
  receiver.set_keys({keys_of(1), keys_of(2), keys_of(3)});
  EXPECT_FALSE(is_accepted(frame(4, 1, receiver.challenge())));
  EXPECT_EQ(receiver.counters().bad_mac, 1U);
}

TEST_F(KeyChange, says_nothing_about_the_peers_key_by_a_release_that_was_signed_before) {
  receiver.set_keys({keys_of(2), keys_of(1)});
  ASSERT_TRUE(is_accepted(frame(2, 1, receiver.challenge())));
  Header header;
  header.module_hash = module_hash("m");
  header.node = NodeId{1};
  header.incarnation = Incarnation{7};
  header.sequence = 3;
  EXPECT_TRUE(is_accepted(encode(header, ReleaseFrame{Epoch{3}}, keys_of(1))));
  EXPECT_EQ(receiver.peer_key(), 0U);
}

}  // namespace
}  // namespace clusteragent::wire
