// Echo requests to this machine's own kernel. They need CAP_NET_RAW, as the agent does.
#include "agent/witness/ping_client.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "agent/platform/clock.hpp"

namespace clusteragent::witness {
namespace {

using std::chrono::milliseconds;

class PingClientTest : public testing::Test {
 protected:
  std::unique_ptr<PingClient> open(const std::vector<std::string>& targets,
                                   std::uint64_t secret = 0x1122334455667788U) {
    auto opened = PingClient::open(io, targets, secret, [this](const core::Event& event) {
      answers.push_back(std::get<core::WitnessAnswered>(event));
    });
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  void run() {
    io.restart();
    io.run_for(milliseconds{200});
  }
  void send_from(const char* source, std::vector<std::uint8_t> message) {
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < message.size(); at += 2) sum += message[at] * 256U + message[at + 1];
    sum = ~((sum & 0xffffU) + (sum >> 16U)) & 0xffffU;
    message[2] = static_cast<std::uint8_t>(sum >> 8U);
    message[3] = static_cast<std::uint8_t>(sum & 0xffU);
    using boost::asio::ip::icmp;
    icmp::socket socket{io, icmp::endpoint{boost::asio::ip::make_address(source), 0}};
    socket.send_to(boost::asio::buffer(message), {boost::asio::ip::make_address("127.0.0.1"), 0});
  }
  static core::AskWitness question(std::uint64_t number) {
    core::AskWitness ask;
    ask.ask = number;
    return ask;
  }

  boost::asio::io_context io;
  std::vector<core::WitnessAnswered> answers;
};

TEST_F(PingClientTest, grants_when_a_target_answers) {
  for (const char* target : {"127.0.0.1", "::1"}) {
    answers.clear();
    const auto client = open({target});
    client->ask(question(7));
    run();
    ASSERT_EQ(answers.size(), 1U) << target;
    EXPECT_EQ(answers[0].ask, 7U);
    EXPECT_TRUE(answers[0].answer.is_granted);
    const PingStatus status = client->status(platform::boottime_now());
    EXPECT_EQ(status.answered_by, target);
    EXPECT_TRUE(status.last_answer_age);
  }
}

TEST_F(PingClientTest, takes_one_answer_a_question) {
  const auto client = open({"127.0.0.1", "127.0.0.2"});
  client->ask(question(1));
  client->ask(question(2));
  run();
  EXPECT_LE(answers.size(), 2U);
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().ask, 2U);
}

TEST_F(PingClientTest, believes_no_answer_to_somebody_elses_question) {
  const auto asking = open({"127.0.0.1"}, 1);
  std::vector<core::Event> overheard;
  const auto other = PingClient::open(io, {"127.0.0.1"}, 2, [&](core::Event event) { overheard.push_back(event); });
  ASSERT_TRUE(other);
  // The answer to the first reaches both sockets, and waits there before the one that the second may believe.
  asking->ask(question(3));
  (*other)->ask(question(9));
  run();
  EXPECT_EQ(answers.size(), 1U);
  ASSERT_EQ(overheard.size(), 1U);
  EXPECT_EQ(std::get<core::WitnessAnswered>(overheard[0]).ask, 9U);
}

TEST_F(PingClientTest, believes_no_answer_from_elsewhere) {
  const auto client = open({"127.0.0.1"}, 7);
  send_from("127.0.0.9", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1});
  client->ask(question(1));
  run();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(client->status(platform::boottime_now()).answered_by, "127.0.0.1");
}

TEST_F(PingClientTest, is_not_woken_by_other_messages) {
  const auto client = open({"127.0.0.1"});
  send_from("127.0.0.1", {3, 1, 0, 0, 0, 0, 0, 0});  // host unreachable
  EXPECT_EQ(io.run_for(milliseconds{50}), 0U);
  send_from("127.0.0.1", {0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(io.run_for(milliseconds{50}), 1U);
  EXPECT_TRUE(answers.empty());
}

TEST_F(PingClientTest, names_what_is_no_address) {
  const auto opened = PingClient::open(io, {"router.example"}, 1, [](const core::Event&) {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("router.example"), std::string::npos);
}

}  // namespace
}  // namespace clusteragent::witness
