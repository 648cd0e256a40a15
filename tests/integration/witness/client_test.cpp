// Client and server over a wire.
#include <gmock/gmock.h>

#include "tests/integration/witness/witness_fixture.hpp"

namespace clusteragent::testing {
namespace {

using core::Refusal;
using ::testing::HasSubstr;

class WitnessClientTest : public WitnessTest {};

TEST_F(WitnessClientTest, gets_a_vote_and_the_other_node_does_not) {
  Asker a = asker(node_a);
  Asker b = asker(node_b);
  EXPECT_EQ(refusal_of(a, vote(2)), Refusal::none);
  EXPECT_TRUE(a.last().is_granted);
  EXPECT_EQ(a.last().record, tenure(2));
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  EXPECT_EQ(b.last().record, tenure(2));
  EXPECT_GT(b.last().retry_after, lease / 2);
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  EXPECT_EQ(module().promise->holder, node_a);
}

TEST_F(WitnessClientTest, proves_itself_in_one_more_round_and_only_once) {
  Asker a = asker(node_a);
  EXPECT_EQ(refusal_of(a, vote(2)), Refusal::none);
  EXPECT_EQ(a.status().asked, 1U);
  EXPECT_EQ(counters().unproven, 1U);
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  EXPECT_EQ(counters().unproven, 1U);
  EXPECT_EQ(counters().received, 4U);
}

TEST_F(WitnessClientTest, reaches_it_over_ipv6_and_at_its_second_address) {
  address = witness_v6;
  Asker six = asker(node_a);
  EXPECT_EQ(refusal_of(six, vote(2)), Refusal::none);
  // The kernel would answer from the first address of the interface; a connected socket hears only the one it asked.
  lan.b.must("ip addr add 10.7.0.77/24 dev cable");
  address = "10.7.0.77";
  Asker four = asker(node_a, 2);
  EXPECT_EQ(refusal_of(four, renew(2)), Refusal::none);
}

TEST_F(WitnessClientTest, keeps_two_modules_apart) {
  Asker demo = asker(node_a);
  Asker mail = asker(node_b, 1, "mail");
  EXPECT_EQ(refusal_of(demo, vote(2)), Refusal::none);
  EXPECT_EQ(refusal_of(mail, vote(3)), Refusal::none);
  EXPECT_EQ(status().clusters.at(0).modules.size(), 2U);
}

TEST_F(WitnessClientTest, with_another_key_gets_no_answer) {
  std::swap(keys[0].ring.current[0], keys[0].ring.current[1]);
  Asker stranger = asker(node_a);
  stranger.ask(vote(2));
  EXPECT_TRUE(until([&] { return counters().foreign_key == 1; }));
  EXPECT_FALSE(until([&] { return !stranger.answers.empty(); }, std::chrono::milliseconds{100}));
  EXPECT_FALSE(stranger.status().is_reachable);
}

TEST_F(WitnessClientTest, says_whether_the_witness_can_be_reached) {
  Asker a = asker(node_a);
  EXPECT_FALSE(a.status().is_reachable);
  EXPECT_FALSE(a.status().last_answer_age);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  EXPECT_TRUE(a.status().is_reachable);
  EXPECT_GT(a.status().round_trip, Duration::zero());
  EXPECT_LT(*a.status().last_answer_age, patience);
  server.reset();
  a.ask(renew(2));
  EXPECT_TRUE(until([&] { return !a.status().is_reachable; }));
  EXPECT_THAT(a.status().problem, HasSubstr("nobody listens on UDP port 9200 of 10.7.0.2"));
  start();
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  EXPECT_TRUE(a.status().is_reachable);
  EXPECT_EQ(a.status().problem, "");
}

TEST_F(WitnessClientTest, asks_again_when_the_network_comes_later) {
  lan.a.must("ip addr flush dev cable");
  Asker a = asker(node_a);
  // The socket is opened anew by the thread that asks, which has to be inside for that.
  const auto ask = [&] {
    std::uint64_t number = 0;
    lan.a.run([&] { number = a.ask(vote(2)); });
    return number;
  };
  ask();
  EXPECT_THAT(a.status().problem, HasSubstr("10.7.0.2"));
  lan.a.must("ip addr add 10.7.0.1/24 dev cable");
  const std::uint64_t number = ask();
  ASSERT_TRUE(until([&] { return !a.answers.empty() && a.answers.back().ask == number; }));
  EXPECT_TRUE(a.last().is_granted);
}

TEST_F(WitnessClientTest, proves_itself_to_a_witness_that_was_started_anew) {
  Asker a = asker(node_a);
  Asker b = asker(node_b);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  start();
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised) << "votes and promises are kept";
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none);
  EXPECT_EQ(module().state.voted_epoch, Epoch{2});
}

TEST_F(WitnessClientTest, believes_nothing_that_was_not_asked_or_is_of_another_life) {
  const auto sealed = [this](std::uint64_t incarnation, std::uint64_t ask, NodeId node, const wire::Key& key) {
    const wire::WitnessHeader header{
        wire::key_id(key), wire::module_hash("demo"), node, Incarnation{incarnation}, ask, 1};
    return wire::encode_witness(header, core::WitnessAnswer{true, Refusal::none, tenure(2), {}},
                                wire::witness_key(key));
  };
  // A witness that is played by the test, in place of the real one.
  server.reset();
  boost::asio::ip::udp::socket fake{io};
  lan.b.run([&] {
    fake.open(boost::asio::ip::udp::v4());
    fake.bind({boost::asio::ip::udp::v4(), port});
  });
  Asker a = asker(node_a);
  const std::uint64_t number = a.ask(vote(2));
  boost::asio::ip::udp::endpoint from;
  wire::Bytes question(200);
  fake.receive_from(boost::asio::buffer(question), from);
  const wire::Key key = keys[0].ring.current;
  const std::vector<wire::Bytes> wrong{sealed(11, number, node_a, key),
                                       sealed(10, number + 1, node_a, key),
                                       sealed(10, number, node_b, key),
                                       sealed(10, number, node_a, wire::Key{8}),
                                       wire::Bytes(50, 'x'),
                                       question};
  for (const wire::Bytes& bytes : wrong) fake.send_to(boost::asio::buffer(bytes), from);
  EXPECT_TRUE(until([&] { return a.status().dropped == wrong.size(); })) << a.status().dropped;
  EXPECT_TRUE(a.answers.empty());
  const wire::Bytes right = sealed(10, number, node_a, key);
  for (int twice = 0; twice < 2; ++twice) fake.send_to(boost::asio::buffer(right), from);
  EXPECT_TRUE(until([&] { return a.status().dropped == wrong.size() + 1; })) << "once is enough";
  EXPECT_EQ(a.answers.size(), 1U);
}

TEST_F(WitnessClientTest, does_not_shout_at_one_who_plays_recordings_of_proofs) {
  server.reset();
  boost::asio::ip::udp::socket fake{io};
  lan.b.run([&] {
    fake.open(boost::asio::ip::udp::v4());
    fake.bind({boost::asio::ip::udp::v4(), port});
    fake.non_blocking(true);
  });
  Asker a = asker(node_a);
  const std::uint64_t number = a.ask(vote(2));
  boost::asio::ip::udp::endpoint from;
  wire::Bytes question(200);
  int heard = 0;
  for (std::uint64_t round = 1; round <= 40; ++round) {
    boost::system::error_code error;
    fake.receive_from(boost::asio::buffer(question), from, 0, error);
    heard += error ? 0 : 1;
    const wire::WitnessHeader header{
        wire::key_id(keys[0].ring.current), wire::module_hash("demo"), node_a, Incarnation{10}, number, round};
    fake.send_to(boost::asio::buffer(
                     wire::encode_witness(header, wire::ProveYourself{}, wire::witness_key(keys[0].ring.current))),
                 from);
    ASSERT_TRUE(until([] { return true; }));
    ::usleep(1000);
  }
  EXPECT_GE(heard, 2);
  EXPECT_LE(heard, 6);
}

TEST_F(WitnessClientTest, needs_an_address) {
  for (const char* wrong : {"", "witness.example", "0.0.0.0", "224.0.0.1"}) {
    const auto opened = witness::WitnessClient::open(io, {wrong, port, {}, "demo", node_a, Incarnation{1}}, {});
    ASSERT_FALSE(opened) << wrong;
    EXPECT_EQ(opened.error().code, ErrorCode::configuration);
  }
}

}  // namespace
}  // namespace clusteragent::testing
