#include "agent/transport/path_socket.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "agent/base/log.hpp"

namespace clusteragent::transport {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

// An address that DHCP or duplicate address detection still holds back is there within a second or two; a cable that
// is pulled may stay so for days.
constexpr std::chrono::milliseconds retry_pause_first{100};
constexpr std::chrono::milliseconds retry_pause_max{2000};
// Of the receive buffer, in bytes as the kernel accounts them: the smallest datagram takes 768 of them, so that at most
// some 350 wait at a time, and three times as many reads empty the buffer even while more arrive.
constexpr int receive_buffer_bytes = 128 * 1024;
constexpr int reads_max = 1024;
// Network control, RFC 4594 §3.1: class selector 6, and the same for the queues of this machine (socket(7), the highest
// priority that needs no privilege).
constexpr int traffic_class = 0xC0;
constexpr int queue_priority = 6;

void set_number(udp::socket& socket, int level, int name, int value) {
  // Each is a wish: the heartbeat works without it.
  static_cast<void>(::setsockopt(socket.native_handle(), level, name, &value, sizeof value));
}

bool is_curable(const error_code& error) {
  switch (error.value()) {
    case EADDRNOTAVAIL:  // the address is not there (yet)
    case ENODEV:         // neither is the interface
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EINVAL:  // an IPv6 link-local address whose interface is not there
      return true;
    default:
      return false;
  }
}

}  // namespace

PathSocket::PathSocket(asio::io_context& io, PathOptions options, PathHandlers handlers)
    : io_{io},
      options_{std::move(options)},
      handlers_{std::move(handlers)},
      socket_{io},
      retry_{io},
      retry_pause_{retry_pause_first} {}

PathSocket::~PathSocket() {
  *is_alive_ = false;
}

Status PathSocket::open() {
  error_code local_error;
  error_code peer_error;
  local_ = {asio::ip::make_address(options_.local_address, local_error), options_.port};
  peer_ = {asio::ip::make_address(options_.peer_address, peer_error), options_.port};
  if (local_error || peer_error || local_.protocol() != peer_.protocol()) {
    return Error{
        ErrorCode::configuration,
        fmt::format("heartbeat {}: {} and {} must be two IP addresses of one family; correct them in cluster.xml",
                    options_.name, options_.local_address, options_.peer_address)};
  }
  const error_code error = try_open();
  if (!error) return success();
  if (error == asio::error::address_in_use) {
    return Error{ErrorCode::configuration,
                 fmt::format("heartbeat {}: UDP port {} of {} is taken by another module or program; give this module "
                             "its own <heart port=\"...\"> on both nodes",
                             options_.name, options_.port, options_.local_address)};
  }
  if (!is_curable(error)) {
    return Error{ErrorCode::system, fmt::format("heartbeat {}: cannot use {} port {}: {}", options_.name,
                                                options_.local_address, options_.port, error.message())};
  }
  log::critical("heart", "heartbeat {}: {}", options_.name, open_problem_);
  retry_later();
  return success();
}

error_code PathSocket::try_open() {
  error_code error;
  socket_.open(local_.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error && !options_.interface.empty()) {
    const auto length = static_cast<socklen_t>(options_.interface.size());
    if (::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, options_.interface.c_str(), length) != 0) {
      error = {errno, boost::system::system_category()};
    }
  }
  if (!error) set_options_of_socket();
  // Without SO_REUSEADDR: a second agent on the port must fail and not take half of the heartbeats.
  if (!error) socket_.bind(local_, error);
  if (!error) socket_.connect(peer_, error);
  if (!error) {
    open_problem_.clear();
    retry_pause_ = retry_pause_first;
    await_datagrams();
    return error;
  }
  open_problem_ = error == asio::error::address_in_use
                      ? fmt::format("UDP port {} of {} is taken", options_.port, options_.local_address)
                      : fmt::format("waits for address {}: {}", options_.local_address, error.message());
  error_code ignored;
  socket_.close(ignored);
  return error;
}

void PathSocket::set_options_of_socket() {
  set_number(socket_, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  if (local_.address().is_v4()) {
    set_number(socket_, IPPROTO_IP, IP_TOS, traffic_class);
    // A report that is too long for some tunnel goes in fragments rather than not at all.
    set_number(socket_, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  } else {
    set_number(socket_, IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
    set_number(socket_, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  }
  // After the traffic class, which sets a priority of its own.
  set_number(socket_, SOL_SOCKET, SO_PRIORITY, queue_priority);
}

void PathSocket::retry_later() {
  retry_.expires_after(retry_pause_);
  retry_pause_ = std::min(retry_pause_ * 2, retry_pause_max);
  retry_.async_wait([this, alive = is_alive_](const error_code& stopped) {
    if (stopped || !*alive) return;
    const std::string before = open_problem_;
    if (!try_open()) {
      log::event("heart", "heartbeat {}: {} is there now", options_.name, options_.local_address);
      return;
    }
    if (open_problem_ != before) log::critical("heart", "heartbeat {}: {}", options_.name, open_problem_);
    retry_later();
  });
}

void PathSocket::await_datagrams() {
  socket_.async_wait(udp::socket::wait_read, [this, alive = is_alive_](const error_code& error) {
    if (!*alive || error == asio::error::operation_aborted) return;
    drain();
    if (socket_.is_open()) await_datagrams();
  });
}

void PathSocket::drain() {
  report_refusal();
  for (int count = 0; count < reads_max && socket_.is_open(); ++count) {
    error_code error;
    const std::size_t length = socket_.receive(asio::buffer(buffer_), 0, error);
    if (error == asio::error::would_block) return;
    if (error) {
      on_receive_error(error);
      continue;
    }
    ++counters_.received;
    handlers_.on_datagram(std::span{buffer_}.first(length));
  }
}

void PathSocket::on_receive_error(const error_code& error) {
  if (error == asio::error::connection_refused) {
    ++counters_.refused;
    handlers_.on_refused();
    return;
  }
  // The kernel reports each once and the socket goes on: "host unreachable" of a router, an interface that went down.
  ++counters_.receive_errors;
}

void PathSocket::send(std::span<const std::uint8_t> datagram) {
  if (!socket_.is_open()) return;
  error_code error;
  socket_.send(asio::buffer(datagram.data(), datagram.size()), 0, error);
  if (error == asio::error::connection_refused) {
    // Said of an earlier datagram: this one was not sent at all.
    ++counters_.refused;
    if (!has_refusal_) {
      has_refusal_ = true;
      asio::post(io_, [this, alive = is_alive_] {
        if (*alive) report_refusal();
      });
    }
    socket_.send(asio::buffer(datagram.data(), datagram.size()), 0, error);
  }
  send_problem_ = error;
  if (!error) {
    ++counters_.sent;
  } else {
    on_send_error(error);
  }
}

void PathSocket::report_refusal() {
  if (!has_refusal_) return;
  has_refusal_ = false;
  handlers_.on_refused();
}

void PathSocket::on_send_error(const error_code& error) {
  ++counters_.send_errors;
  // Only a socket that is tied to an interface is lost with it; every other one works again once its address is back.
  // To open it anew without need would show the peer a closed port, which it would take for this agent's death.
  if (error.value() == ENODEV || error.value() == ENXIO) reopen();
}

void PathSocket::reopen() {
  error_code ignored;
  socket_.close(ignored);
  open_problem_ = fmt::format("waits for address {}: its interface is gone", options_.local_address);
  log::critical("heart", "heartbeat {}: {}", options_.name, open_problem_);
  retry_later();
}

std::string PathSocket::problem() const {
  if (!open_problem_.empty()) return open_problem_;
  // A full buffer passes, and a refusal is the peer's trouble.
  if (!send_problem_ || send_problem_ == asio::error::would_block || send_problem_ == asio::error::connection_refused) {
    return {};
  }
  return fmt::format("cannot send: {}", send_problem_.message());
}

}  // namespace clusteragent::transport
