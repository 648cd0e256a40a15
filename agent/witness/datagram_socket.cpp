#include "agent/witness/datagram_socket.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace clusteragent::witness {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

// Then others get their turn: the control socket, signals, answers that waited for the disk.
constexpr int reads_max = 256;
// Room for one control message with an address in it.
constexpr std::size_t control_bytes = CMSG_SPACE(sizeof(in6_pktinfo));

bool lacks_ipv6(const error_code& error) {
  return error.value() == EAFNOSUPPORT || error.value() == EADDRNOTAVAIL;
}

void note_local_address(msghdr& message, ReplyPath& from) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      from.local6 = info.ipi6_addr;
    } else if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      from.local4 = info.ipi_addr;
    }
  }
}

template <typename Info>
void put_local_address(msghdr& message, int level, int type, const Info& info) {
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(part), &info, sizeof info);
  message.msg_controllen = CMSG_SPACE(sizeof info);
}

}  // namespace

DatagramSocket::DatagramSocket(asio::io_context& io, Handler handler) : socket_{io}, handler_{std::move(handler)} {}

DatagramSocket::~DatagramSocket() {
  *is_alive_ = false;
}

error_code DatagramSocket::bind(const udp::endpoint& local) {
  error_code error;
  socket_.close(error);
  socket_.open(local.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  is_v6_ = local.protocol() == udp::v6();
  const int on = 1;
  const int off = 0;
  const int level = is_v6_ ? IPPROTO_IPV6 : IPPROTO_IP;
  const int name = is_v6_ ? IPV6_RECVPKTINFO : IP_PKTINFO;
  if (!error && ::setsockopt(socket_.native_handle(), level, name, &on, sizeof on) != 0) {
    error = {errno, boost::system::system_category()};
  }
  if (!error && is_v6_ && local.address().is_unspecified() &&
      ::setsockopt(socket_.native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
    error = {errno, boost::system::system_category()};
  }
  // Without SO_REUSEADDR: a second witness on the port must fail and not take half of the questions.
  if (!error) socket_.bind(local, error);
  return error;
}

Result<std::unique_ptr<DatagramSocket>> DatagramSocket::open(asio::io_context& io, const std::string& address,
                                                             std::uint16_t port, Handler handler) {
  std::unique_ptr<DatagramSocket> opened{new DatagramSocket{io, std::move(handler)}};
  error_code error;
  if (address.empty()) {
    error = opened->bind({udp::v6(), port});
    if (lacks_ipv6(error)) error = opened->bind({udp::v4(), port});
  } else {
    const auto local = asio::ip::make_address(address, error);
    if (error) {
      return Error{ErrorCode::usage, fmt::format("{} is no IP address; --listen takes one, as 192.0.2.1:9200 or "
                                                 "[2001:db8::1]:9200",
                                                 address)};
    }
    error = opened->bind({local, port});
  }
  if (error) {
    return Error{ErrorCode::system, fmt::format("cannot listen on {} UDP port {}: {}; is another witness running?",
                                                address.empty() ? "every address," : address, port, error.message())};
  }
  opened->await_datagrams();
  return opened;
}

std::uint16_t DatagramSocket::port() const {
  error_code error;
  return socket_.local_endpoint(error).port();
}

void DatagramSocket::await_datagrams() {
  socket_.async_wait(udp::socket::wait_read, [this, alive = is_alive_](const error_code& error) {
    if (!*alive || error == asio::error::operation_aborted) return;
    drain();
    await_datagrams();
  });
}

void DatagramSocket::drain() {
  for (int count = 0; count < reads_max && read_one(); ++count) {
  }
}

bool DatagramSocket::read_one() {
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  iovec data{buffer_.data(), buffer_.size()};
  ReplyPath from;
  msghdr message{};
  message.msg_name = &from.peer;
  message.msg_namelen = sizeof from.peer;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(socket_.native_handle(), &message, 0);
  // Any other error is one that ICMP reports of an earlier answer: said once, and the socket goes on.
  if (length < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
  from.peer_length = message.msg_namelen;
  note_local_address(message, from);
  handler_(std::span{buffer_}.first(static_cast<std::size_t>(length)), from);
  return true;
}

void DatagramSocket::send(const ReplyPath& to, std::span<const std::uint8_t> datagram) {
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  iovec data{const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  sockaddr_storage peer = to.peer;
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = to.peer_length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (is_v6_) {
    in6_pktinfo info{};
    info.ipi6_addr = to.local6;
    put_local_address(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    in_pktinfo info{};
    info.ipi_spec_dst = to.local4;
    put_local_address(message, IPPROTO_IP, IP_PKTINFO, info);
  }
  // Loss is normal: the asker asks again.
  static_cast<void>(::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL));
}

}  // namespace clusteragent::witness
