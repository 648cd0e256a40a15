#include "agent/wire/receiver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace clusteragent::wire {
namespace {

constexpr Incarnation own{100};

class ReceiverTest : public testing::Test {
 protected:
  Keys keys = Keys::derive(Key{1}, "m");
  Receiver receiver{module_hash("m"), keys, NodeId{0}, own};

  Header from(std::uint64_t incarnation, std::uint64_t sequence, std::uint64_t echo) const {
    Header header;
    header.module_hash = module_hash("m");
    header.node = NodeId{1};
    header.incarnation = Incarnation{incarnation};
    header.challenge = incarnation * 1000;
    header.sequence = sequence;
    header.echo = echo;
    return header;
  }
  Bytes frame(std::uint64_t incarnation, std::uint64_t sequence, std::uint64_t echo) const {
    return encode(from(incarnation, sequence, echo), StatusFrame{}, keys);
  }
  /// The peer's newest life shows that it has seen our challenge.
  Bytes proof(std::uint64_t incarnation, std::uint64_t sequence) const {
    return frame(incarnation, sequence, receiver.challenge());
  }
  bool is_accepted(const Bytes& bytes) { return std::holds_alternative<Accepted>(receiver.receive(bytes)); }
  bool is_unproven(const Bytes& bytes) { return std::holds_alternative<Unproven>(receiver.receive(bytes)); }
  bool is_dropped(const Bytes& bytes) { return std::holds_alternative<Dropped>(receiver.receive(bytes)); }
};

TEST_F(ReceiverTest, believes_a_life_only_once_it_has_echoed_our_challenge) {
  const auto verdict = receiver.receive(frame(7, 1, 0));
  ASSERT_TRUE(std::holds_alternative<Unproven>(verdict));
  EXPECT_EQ(std::get<Unproven>(verdict).answer.echo, 7000U);
  EXPECT_EQ(receiver.next_addressee().echo, 7000U) << "the next heartbeat is the answer";
  EXPECT_TRUE(is_accepted(proof(7, 2)));
  EXPECT_TRUE(is_accepted(frame(7, 3, 0))) << "proven once is proven";
  EXPECT_EQ(receiver.counters().unproven, 1U);
  EXPECT_EQ(receiver.counters().accepted, 2U);
}

TEST_F(ReceiverTest, takes_each_frame_once) {
  const Bytes bytes = proof(7, 5);
  EXPECT_TRUE(is_accepted(bytes));
  EXPECT_TRUE(is_dropped(bytes));
  EXPECT_EQ(receiver.counters().replayed, 1U);
}

TEST_F(ReceiverTest, numbers_paths_and_types_apart) {
  EXPECT_TRUE(is_accepted(proof(7, 100)));
  Header other = from(7, 1, own.value());
  other.path = PathId{1};
  EXPECT_TRUE(is_accepted(encode(other, StatusFrame{}, keys)));
  EXPECT_TRUE(is_accepted(encode(from(7, 1, own.value()), ReportFrame{1, 0, 1, "x"}, keys)));
  EXPECT_FALSE(is_accepted(frame(7, 1, 0)));
}

// The attack that sequence numbers alone do not stop: the attacker has recorded all that both nodes ever said, this
// agent is started anew and remembers nothing.
TEST_F(ReceiverTest, after_our_own_restart_believes_no_recording) {
  const Bytes recorded_proof = proof(7, 50);
  const Bytes recorded_beat = frame(7, 51, receiver.challenge());
  Header other_path = from(7, 3000, receiver.challenge());
  other_path.path = PathId{1};
  const Bytes recorded_elsewhere = encode(other_path, StatusFrame{}, keys);
  EXPECT_TRUE(is_accepted(recorded_proof));
  EXPECT_TRUE(is_accepted(recorded_beat));
  receiver = Receiver{module_hash("m"), keys, NodeId{0}, Incarnation{4711}};
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(is_unproven(recorded_proof));
    EXPECT_TRUE(is_unproven(recorded_beat));
  }
  EXPECT_TRUE(is_accepted(proof(7, 52))) << "the living peer still gets through";
  EXPECT_TRUE(is_dropped(recorded_beat)) << "of the same life, but from before our restart";
  EXPECT_TRUE(is_dropped(recorded_elsewhere)) << "on a path that has not been heard yet";
  other_path.sequence = 2;
  other_path.echo = Incarnation{4711}.value();
  EXPECT_TRUE(is_accepted(encode(other_path, StatusFrame{}, keys)));
  EXPECT_TRUE(is_dropped(encode(from(7, 1, 0), ReportFrame{1, 0, 1, "x"}, keys)));
}

TEST_F(ReceiverTest, never_believes_a_life_again_that_another_has_replaced) {
  const Bytes recorded = proof(7, 50);
  EXPECT_TRUE(is_accepted(proof(7, 1)));
  EXPECT_TRUE(is_accepted(proof(8, 1)));
  EXPECT_TRUE(is_dropped(recorded));
  EXPECT_TRUE(is_accepted(frame(8, 2, 0))) << "and the present one is not disturbed";
}

// Longer than any list of former lives could be.
TEST_F(ReceiverTest, never_believes_it_again_however_many_lives_later) {
  std::vector<Bytes> recorded;
  for (std::uint64_t life = 1; life <= 500; ++life) {
    recorded.push_back(proof(life, 2));
    EXPECT_TRUE(is_accepted(proof(life, 1)));
  }
  recorded.pop_back();
  for (const Bytes& bytes : recorded) EXPECT_FALSE(is_accepted(bytes));
  EXPECT_TRUE(is_accepted(frame(500, 2, 0)));
}

TEST_F(ReceiverTest, answers_a_newcomer_amid_recordings_of_former_lives) {
  EXPECT_TRUE(is_accepted(proof(7, 1)));
  for (std::uint64_t life = 20; life < 22; ++life) EXPECT_TRUE(is_unproven(frame(life, 1, 0)));
  EXPECT_TRUE(is_unproven(frame(8, 1, 0)));
  std::vector<std::uint64_t> echoes;
  for (int turn = 0; turn < 4; ++turn) echoes.push_back(receiver.next_addressee().echo);
  for (const std::uint64_t challenge : {7000U, 8000U, 20000U, 21000U}) {
    EXPECT_EQ(std::count(echoes.begin(), echoes.end(), challenge), 1) << challenge;
  }
  EXPECT_TRUE(is_accepted(proof(8, 2)));
  EXPECT_EQ(receiver.next_addressee().echo, 8000U);
  EXPECT_EQ(receiver.next_addressee().echo, 8000U);
}

TEST_F(ReceiverTest, remembers_the_newest_newcomers_where_there_are_too_many) {
  for (std::uint64_t life = 1; life <= 50; ++life) EXPECT_TRUE(is_unproven(frame(life, 1, 0)));
  EXPECT_TRUE(is_unproven(frame(48, 2, 0)));
  std::vector<std::uint64_t> echoes;
  for (int turn = 0; turn < 4; ++turn) echoes.push_back(receiver.next_addressee().echo);
  EXPECT_EQ(echoes, (std::vector<std::uint64_t>{48000, 50000, 49000, 47000}));
}

TEST_F(ReceiverTest, lets_a_release_prove_nothing) {
  const Bytes release = encode(from(7, 4, receiver.challenge()), ReleaseFrame{Epoch{4}}, keys);
  EXPECT_TRUE(is_dropped(release));
  EXPECT_EQ(receiver.next_addressee().echo, 0U) << "nobody is there to be answered";
  EXPECT_TRUE(is_accepted(proof(7, 1)));
  EXPECT_TRUE(is_accepted(release));
  EXPECT_TRUE(is_dropped(release));
}

TEST_F(ReceiverTest, tells_an_incompatible_peer_from_a_forgery_and_from_a_recording) {
  Header newer = from(7, 1, receiver.challenge());
  newer.version = 9;
  newer.speaks = {8, 9};
  Bytes forged = encode(newer, StatusFrame{}, keys);
  forged.back() ^= 1;
  EXPECT_TRUE(is_dropped(forged));
  EXPECT_EQ(receiver.counters().bad_mac, 1U);
  const auto verdict = receiver.receive(encode(newer, StatusFrame{}, keys));
  ASSERT_TRUE(std::holds_alternative<Incompatible>(verdict));
  EXPECT_EQ(std::get<Incompatible>(verdict).versions, (VersionRange{8, 9}));
  newer.incarnation = Incarnation{6};
  newer.echo = 0;
  EXPECT_TRUE(is_unproven(encode(newer, StatusFrame{}, keys))) << "may be a recording of before the upgrade";
}

TEST_F(ReceiverTest, answers_a_peer_that_could_speak_a_version_of_ours) {
  Header newer = from(7, 1, receiver.challenge());
  newer.version = 3;
  newer.speaks = {1, 3};
  EXPECT_TRUE(is_unproven(encode(newer, StatusFrame{}, keys)));
}

TEST_F(ReceiverTest, counts_what_is_signed_in_this_nodes_own_name) {
  Header mine = from(7, 1, receiver.challenge());
  mine.node = NodeId{0};
  EXPECT_TRUE(is_dropped(encode(mine, StatusFrame{}, keys)));
  EXPECT_EQ(receiver.counters().own_node, 1U);
}

TEST_F(ReceiverTest, counts_every_frame_under_one_reason) {
  EXPECT_TRUE(is_dropped(Bytes(10, 0)));
  EXPECT_TRUE(is_dropped(encode(from(7, 1, 0), StatusFrame{}, Keys::derive(Key{2}, "m"))));
  Header foreign = from(7, 1, 0);
  foreign.module_hash = module_hash("other");
  EXPECT_TRUE(is_dropped(encode(foreign, StatusFrame{}, keys)));
  const Counters& counters = receiver.counters();
  EXPECT_EQ(counters.malformed, 1U);
  EXPECT_EQ(counters.bad_mac, 1U);
  EXPECT_EQ(counters.foreign_module, 1U);
  EXPECT_EQ(counters.accepted + counters.replayed + counters.unproven + counters.incompatible + counters.own_node, 0U);
}

// Both nodes start, neither knows the other: one exchange each way and both believe each other.
TEST_F(ReceiverTest, two_of_them_prove_themselves_in_one_round_trip) {
  Receiver other{module_hash("m"), keys, NodeId{1}, Incarnation{200}};
  const auto say = [this](Receiver& speaker, NodeId node, Incarnation life, std::uint64_t sequence) {
    Header header = from(life.value(), sequence, speaker.next_addressee().echo);
    header.node = node;
    header.challenge = speaker.challenge();
    return encode(header, StatusFrame{}, keys);
  };
  EXPECT_TRUE(std::holds_alternative<Unproven>(other.receive(say(receiver, NodeId{0}, own, 1))));
  EXPECT_TRUE(is_accepted(say(other, NodeId{1}, Incarnation{200}, 1)));
  EXPECT_TRUE(std::holds_alternative<Accepted>(other.receive(say(receiver, NodeId{0}, own, 2))));
}

}  // namespace
}  // namespace clusteragent::wire
