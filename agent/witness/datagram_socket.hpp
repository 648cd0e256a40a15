#pragma once
// DatagramSocket: the witness's UDP socket. Bound to one address or to all of them, of both families; an answer leaves
// by the address at which the question arrived, because the asker's socket is connected to that one.
//
// Ownership: the server's; the io_context outlives it. Threads: the loop only. Never blocks: a full send buffer counts
// as loss.
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "agent/base/result.hpp"
#include "agent/platform/asio.hpp"
#include "agent/wire/witness_frame.hpp"

namespace clusteragent::witness {

/// Where a question came from and where it arrived.
struct ReplyPath {
  sockaddr_storage peer{};
  socklen_t peer_length = 0;
  in6_addr local6{};
  in_addr local4{};
};

class DatagramSocket {
 public:
  using Handler = std::function<void(std::span<const std::uint8_t> datagram, const ReplyPath& from)>;

  /// `address` empty: every address, IPv6 and IPv4, or IPv4 alone where the machine has no IPv6.
  static Result<std::unique_ptr<DatagramSocket>> open(boost::asio::io_context& io, const std::string& address,
                                                      std::uint16_t port, Handler handler);
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  void send(const ReplyPath& to, std::span<const std::uint8_t> datagram);
  std::uint16_t port() const;

 private:
  using ErrorCodeOfSystem = boost::system::error_code;

  DatagramSocket(boost::asio::io_context& io, Handler handler);
  ErrorCodeOfSystem bind(const boost::asio::ip::udp::endpoint& local);
  void await_datagrams();
  void drain();
  bool read_one();

  boost::asio::ip::udp::socket socket_;
  bool is_v6_ = false;
  Handler handler_;
  // One byte more than a question may have, so that a longer datagram is not cut to a valid length.
  std::array<std::uint8_t, wire::witness_frame_bytes_max + 1> buffer_{};
  // Handlers that are under way when this object goes must not touch it.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace clusteragent::witness
