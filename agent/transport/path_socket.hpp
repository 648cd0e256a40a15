#pragma once
// PathSocket: the UDP socket of one heartbeat network. Bound to this node's address and connected to the peer's, so
// that datagrams of others do not get in and "port unreachable" is reported for exactly this peer (udp(7),
// ECONNREFUSED).
//
// Ownership: HeartbeatTransport's; the io_context outlives it. Threads: the decision thread only. Never blocks: a full
// send buffer counts as loss. Errors: what waiting may cure (the address or the route is not there yet) is tried again
// with a growing pause; open() returns the rest.
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "agent/base/result.hpp"
#include "agent/platform/asio.hpp"
#include "agent/wire/frame.hpp"

namespace clusteragent::transport {

struct PathOptions {
  std::string name;           // ident of the heartbeat
  std::string local_address;  // IP addresses without brackets; IPv6 link-local ones with their zone (fe80::1%eth1)
  std::string peer_address;
  std::uint16_t port = 0;      // the same on both nodes
  std::string interface = {};  // traffic that routing would send elsewhere is kept to it; empty: routing decides
};

struct PathHandlers {
  /// A datagram of the peer; valid during the call.
  std::function<void(std::span<const std::uint8_t> datagram)> on_datagram;
  /// The peer's kernel says that nobody listens there. Never called from inside send().
  std::function<void()> on_refused;
};

struct PathCounters {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t send_errors = 0;     // a full buffer included
  std::uint64_t receive_errors = 0;  // unreachable networks and hosts that ICMP reports
  std::uint64_t refused = 0;
};

class PathSocket {
 public:
  PathSocket(boost::asio::io_context& io, PathOptions options, PathHandlers handlers);
  ~PathSocket();
  PathSocket(const PathSocket&) = delete;
  PathSocket& operator=(const PathSocket&) = delete;

  /// Success also while it waits for the address. An error is one that waiting does not cure: the port is taken, the
  /// text is no address, the interface may not be used.
  Status open();
  void send(std::span<const std::uint8_t> datagram);
  /// Hands over all that has arrived.
  void drain();

  const PathOptions& options() const { return options_; }
  const PathCounters& counters() const { return counters_; }
  /// Why it cannot be used now; empty: none.
  std::string problem() const;

 private:
  using ErrorCodeOfSystem = boost::system::error_code;

  ErrorCodeOfSystem try_open();
  void set_options_of_socket();
  void retry_later();
  void await_datagrams();
  void on_send_error(const ErrorCodeOfSystem& error);
  void on_receive_error(const ErrorCodeOfSystem& error);
  void report_refusal();
  void reopen();

  boost::asio::io_context& io_;
  PathOptions options_;
  PathHandlers handlers_;
  boost::asio::ip::udp::endpoint local_;
  boost::asio::ip::udp::endpoint peer_;
  boost::asio::ip::udp::socket socket_;
  boost::asio::steady_timer retry_;
  std::chrono::milliseconds retry_pause_;
  // One byte more than a frame may have, so that a longer datagram is not cut to a valid length.
  std::array<std::uint8_t, wire::frame_bytes_max + 1> buffer_{};
  PathCounters counters_;
  std::string open_problem_;
  ErrorCodeOfSystem send_problem_;  // of the last datagram
  bool has_refusal_ = false;        // noticed while sending, not yet reported
  // Handlers that are under way when this object goes must not touch it.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace clusteragent::transport
