#pragma once
// One node's HeartbeatTransport in a namespace of a Lan, with what it reports collected; and a bare socket in the place
// of such a node, for what no agent would send.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/platform/clock.hpp"
#include "agent/transport/heartbeat_transport.hpp"
#include "tests/integration/vip/lan.hpp"

namespace clusteragent::testing {

inline constexpr auto patience = std::chrono::seconds{10};
inline constexpr Duration path_timeout = std::chrono::milliseconds{300};
inline constexpr std::uint16_t port = 9100;

inline transport::PathOptions path(const std::string& local, const std::string& peer) {
  return {local, local, peer, port, {}};
}

class Station {
 public:
  Station(const Namespace& where, NodeId self, std::vector<transport::PathOptions> paths) : where_{where} {
    options.paths = std::move(paths);
    options.module = "demo";
    options.self = self;
    options.incarnation = Incarnation{1000U + self.value()};
    options.cluster_key = wire::Key{7};
    options.timeout = path_timeout;
  }

  /// Fails the test when it cannot be opened.
  void open() {
    const Status opened = try_open();
    if (!opened) FAIL() << opened.error().message;
  }
  Status try_open() {
    Status outcome = success();
    where_.run([&] {
      auto opened = transport::HeartbeatTransport::open(
          io, options,
          [this](core::Event event) {
            was_called_from_send |= is_sending_;
            const bool is_heard = std::holds_alternative<core::FrameReceived>(event);
            events.push_back(std::move(event));
            if (is_heard && beats_at_once) beat();
          },
          [this](std::string text, Instant) { reports.push_back(std::move(text)); });
      if (opened) transport = std::move(opened).value();
      if (!opened) outcome = opened.error();
    });
    return outcome;
  }
  void close() { transport.reset(); }

  void beat(bool is_probe = false) {
    core::PeerStatus status;
    status.is_probe = is_probe;
    status.node = options.self;
    status.incarnation = options.incarnation;
    status.beat = ++beats;
    is_sending_ = true;
    transport->send({status});
    is_sending_ = false;
  }
  /// Inside the namespace, because a path may open its socket anew.
  void poll() {
    where_.run([this] {
      io.restart();
      io.poll();
    });
  }
  template <typename Event>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [](const core::Event& event) { return std::holds_alternative<Event>(event); }));
  }
  std::vector<transport::PathReport> report() const { return transport->report(platform::boottime_now()); }

  transport::Options options;
  boost::asio::io_context io;
  std::vector<core::Event> events;
  std::vector<std::string> reports;
  std::uint64_t beats = 0;
  bool was_called_from_send = false;
  bool beats_at_once = false;  // on a frame that is heard, as the core does where one tells it something new
  std::unique_ptr<transport::HeartbeatTransport> transport;

 private:
  const Namespace& where_;
  bool is_sending_ = false;
};

/// Node a and node b of one Lan, joined by two heartbeat networks.
class TwoStations : public ::testing::Test {
 protected:
  void SetUp() override {
    lan.a.must("ip addr add 10.8.0.1/24 dev cable");
    lan.b.must("ip addr add 10.8.0.2/24 dev cable");
  }
  /// Both send one heartbeat a round until it holds.
  bool beat_until(const std::function<bool()>& holds, Duration limit = patience) {
    return eventually(limit, [&] {
      if (a.transport) a.beat();
      if (b.transport) b.beat();
      a.poll();
      b.poll();
      return holds();
    });
  }
  bool both_hear() {
    return beat_until([&] { return a.count<core::FrameReceived>() >= 4 && b.count<core::FrameReceived>() >= 4; });
  }

  Lan lan;
  Station a{lan.a, NodeId{0}, {path("10.7.0.1", "10.7.0.2"), path("10.8.0.1", "10.8.0.2")}};
  Station b{lan.b, NodeId{1}, {path("10.7.0.2", "10.7.0.1"), path("10.8.0.2", "10.8.0.1")}};
};

/// A socket bound and connected as that of node a's first path.
class BareSocket {
 public:
  explicit BareSocket(const Namespace& where) : socket_{io_} {
    using boost::asio::ip::make_address;
    where.run([this] {
      socket_.open(boost::asio::ip::udp::v4());
      socket_.bind({make_address("10.7.0.1"), port});
      socket_.connect({make_address("10.7.0.2"), port});
      socket_.non_blocking(true);
    });
  }
  void send(const wire::Bytes& bytes) { socket_.send(boost::asio::buffer(bytes)); }
  /// Empty: nothing is there.
  wire::Bytes receive() {
    wire::Bytes bytes(wire::frame_bytes_max);
    boost::system::error_code error;
    bytes.resize(socket_.receive(boost::asio::buffer(bytes), 0, error));
    return bytes;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::udp::socket socket_;
};

}  // namespace clusteragent::testing
