#pragma once
// A witness on machine b of a Lan, and nodes that ask it from machine a: by the real client, or by a bare socket for
// what no client would send.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/platform/clock.hpp"
#include "agent/witness/client.hpp"
#include "agent/witness/server.hpp"
#include "tests/integration/vip/lan.hpp"

namespace clusteragent::testing {

inline constexpr auto patience = std::chrono::seconds{10};
inline constexpr Duration lease = std::chrono::seconds{60};  // long beside everything that a test does
inline constexpr NodeId node_a{0};
inline constexpr NodeId node_b{1};
inline constexpr const char* witness_v4 = "10.7.0.2";
inline constexpr const char* witness_v6 = "fd07::2";

inline core::Record tenure(std::uint64_t epoch, std::uint64_t revision = 0) {
  return {Epoch{epoch}, Revision{revision}, NodeId{static_cast<std::uint8_t>(epoch & 1U)}, core::NodeSet::both()};
}
inline core::WitnessRequest request(core::WitnessVerb verb, const core::Record& record, Duration asked = lease) {
  return {verb, record.holder, record, asked, false};
}
inline core::WitnessRequest vote(std::uint64_t epoch, Duration asked = lease) {
  return request(core::WitnessVerb::vote, tenure(epoch), asked);
}
inline core::WitnessRequest renew(std::uint64_t epoch, Duration asked = lease) {
  return request(core::WitnessVerb::renew, tenure(epoch), asked);
}

/// One data node's client.
class Asker {
 public:
  Asker(const Namespace& where, boost::asio::io_context& io, witness::ClientOptions options) {
    where.run([&] {
      auto opened = witness::WitnessClient::open(io, std::move(options), [this](core::Event event) {
        answers.push_back(std::get<core::WitnessAnswered>(event));
      });
      if (!opened) throw std::runtime_error{opened.error().message};
      client = std::move(*opened);
    });
  }
  std::uint64_t ask(const core::WitnessRequest& question) {
    client->ask({++asks, question});
    return asks;
  }
  const core::WitnessAnswer& last() const { return answers.back().answer; }
  witness::ClientStatus status() const { return client->status(platform::boottime_now()); }

  std::uint64_t asks = 0;
  std::vector<core::WitnessAnswered> answers;
  std::unique_ptr<witness::WitnessClient> client;
};

class WitnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(state_dir());
    std::filesystem::create_directories(promise_dir());
    start();
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(directory);
  }

  std::string state_dir() const { return directory / "var"; }
  std::string promise_dir() const { return directory / "run"; }

  /// As a machine that boots for the first time, or again, or as a daemon that is started anew on it.
  void start() {
    server.reset();
    lan.b.run([this] {
      auto opened = witness::WitnessServer::open(io, {"", port, state_dir(), promise_dir(), boot}, keys);
      if (!opened) throw std::runtime_error{opened.error().message};
      server = std::move(*opened);
    });
  }
  Asker asker(NodeId self, std::uint64_t life = 1, const std::string& module = "demo") {
    return {lan.a, io, {address, port, keys[0].ring.current, module, self, Incarnation{10 * life + self.value()}}};
  }
  bool until(const std::function<bool()>& holds, Duration limit = patience) {
    return eventually(limit, [&] {
      io.restart();
      io.poll();
      return holds();
    });
  }
  /// The refusal of the answer to exactly this question.
  core::Refusal refusal_of(Asker& from, const core::WitnessRequest& question) {
    const std::uint64_t number = from.ask(question);
    const bool is_answered = until([&] { return !from.answers.empty() && from.answers.back().ask == number; });
    EXPECT_TRUE(is_answered) << "no answer; " << from.status().problem;
    return is_answered ? from.last().refusal : core::Refusal::not_stored;
  }
  witness::ServerStatus status() const { return server->status(platform::boottime_now()); }
  witness::ServerCounters counters() const { return status().counters; }
  const witness::ModuleStatus module() const { return status().clusters.at(0).modules.at(0); }
  std::string state_file() const {
    return witness::state_path(state_dir(), {wire::key_id(keys[0].ring.current), wire::module_hash("demo")});
  }

  Lan lan;
  boost::asio::io_context io;
  std::uint16_t port = 9200;
  std::string address = witness_v4;
  std::string boot = "first boot";
  std::vector<witness::ClusterKey> keys{{"shop.key", {wire::Key{7}, {}, {}}}};
  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("clusteragent-witness-" + std::to_string(::getpid()));
  std::unique_ptr<witness::WitnessServer> server;
};

/// Datagrams to the witness as they are.
class BareAsker {
 public:
  BareAsker(const Namespace& where, boost::asio::io_context& io, std::uint16_t port) : socket_{io} {
    where.run([this, port] {
      socket_.open(boost::asio::ip::udp::v4());
      socket_.connect({boost::asio::ip::make_address(witness_v4), port});
      socket_.non_blocking(true);
    });
  }
  void send(const wire::Bytes& bytes) { socket_.send(boost::asio::buffer(bytes)); }
  /// Empty: nothing is there.
  wire::Bytes receive() {
    wire::Bytes bytes(wire::witness_frame_bytes_max + 1);
    boost::system::error_code error;
    bytes.resize(socket_.receive(boost::asio::buffer(bytes), 0, error));
    return bytes;
  }

 private:
  boost::asio::ip::udp::socket socket_;
};

}  // namespace clusteragent::testing
