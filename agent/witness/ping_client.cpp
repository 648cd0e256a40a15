#include "agent/witness/ping_client.hpp"

#include <fmt/format.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "agent/platform/clock.hpp"

namespace clusteragent::witness {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// RFC 792 and RFC 4443: type, code, checksum, identifier, sequence; then what is repeated to us.
constexpr std::size_t header_bytes = 8;
constexpr std::size_t payload_bytes = 16;  // the secret and the number of the question
constexpr std::uint8_t echo_request_v4 = 8;
constexpr std::uint8_t echo_reply_v4 = 0;
constexpr std::uint8_t echo_request_v6 = 128;
constexpr std::uint8_t echo_reply_v6 = 129;
// The answers to everybody else's questions arrive here, too.
constexpr int reads_max = 64;

using Packet = std::array<std::uint8_t, header_bytes + payload_bytes>;

void put(std::span<std::uint8_t> into, std::uint64_t number) {
  for (std::size_t at = into.size(); at-- > 0; number >>= 8U) into[at] = static_cast<std::uint8_t>(number & 0xffU);
}

std::uint64_t get(std::span<const std::uint8_t> from) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : from) number = (number << 8U) | byte;
  return number;
}

// RFC 1071; the kernel does it for IPv6, where it covers addresses that only the kernel knows.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += static_cast<std::uint32_t>(get(bytes.subspan(at, 2)));
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum & 0xffffU);
}

Packet make_packet(bool is_v4, std::uint64_t secret, std::uint64_t number) {
  Packet packet{};
  const std::span<std::uint8_t> bytes{packet};
  bytes[0] = is_v4 ? echo_request_v4 : echo_request_v6;
  put(bytes.subspan(4, 2), secret);
  put(bytes.subspan(6, 2), number);
  put(bytes.subspan(header_bytes, 8), secret);
  put(bytes.subspan(header_bytes + 8, 8), number);
  if (is_v4) put(bytes.subspan(2, 2), checksum(bytes));
  return packet;
}

/// What else comes by ICMP, a flood included, stays in the kernel and wakes nobody here.
bool wants_replies_only(int socket, bool is_v4) {
  if (is_v4) {
    const icmp_filter refused{~(1U << echo_reply_v4)};
    return ::setsockopt(socket, SOL_RAW, ICMP_FILTER, &refused, sizeof refused) == 0;
  }
  icmp6_filter passed{};
  ICMP6_FILTER_SETBLOCKALL(&passed);
  ICMP6_FILTER_SETPASS(echo_reply_v6, &passed);
  return ::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &passed, sizeof passed) == 0;
}

/// The number of the question that this is the answer to. A raw IPv4 socket gives the IP header as well.
std::optional<std::uint64_t> read_reply(std::span<const std::uint8_t> datagram, bool is_v4, std::uint64_t secret) {
  const std::size_t skip = is_v4 && !datagram.empty() ? (datagram[0] & 0x0fU) * 4U : 0U;
  if (datagram.size() < skip + sizeof(Packet)) return std::nullopt;
  const auto message = datagram.subspan(skip);
  const bool is_reply = message[0] == (is_v4 ? echo_reply_v4 : echo_reply_v6) && message[1] == 0;
  if (!is_reply || get(message.subspan(header_bytes, 8)) != secret) return std::nullopt;
  return get(message.subspan(header_bytes + 8, 8));
}

}  // namespace

struct PingClient::Family {
  bool is_v4 = true;
  Icmp::socket socket;
};

PingClient::PingClient(asio::io_context&, std::uint64_t secret, core::EventSink sink)
    : secret_{secret}, sink_{std::move(sink)} {}

PingClient::~PingClient() {
  *is_alive_ = false;
}

Result<std::unique_ptr<PingClient>> PingClient::open(asio::io_context& io, const std::vector<std::string>& targets,
                                                     std::uint64_t secret, core::EventSink sink) {
  std::unique_ptr<PingClient> client{new PingClient{io, secret, std::move(sink)}};
  for (const std::string& target : targets) {
    error_code error;
    client->targets_.push_back(asio::ip::make_address(target, error));
    if (error) return Error{ErrorCode::configuration, fmt::format("ping target {}: an IP address is expected", target)};
  }
  for (const bool is_v4 : {true, false}) {
    const auto is_of_it = [is_v4](const asio::ip::address& target) { return target.is_v4() == is_v4; };
    if (std::none_of(client->targets_.begin(), client->targets_.end(), is_of_it)) continue;
    if (const Status opened = client->open_family(io, is_v4 ? Icmp::v4() : Icmp::v6()); !opened) return opened.error();
  }
  return client;
}

Status PingClient::open_family(asio::io_context& io, const Icmp& protocol) {
  auto family = std::make_unique<Family>(Family{protocol == Icmp::v4(), Icmp::socket{io}});
  error_code error;
  family->socket.open(protocol, error);
  if (!error) family->socket.non_blocking(true, error);
  if (!error && !wants_replies_only(family->socket.native_handle(), family->is_v4)) {
    error = {errno, boost::system::system_category()};
  }
  if (error) {
    return Error{ErrorCode::system,
                 fmt::format("cannot ask ping targets: no raw ICMP socket: {}; it takes CAP_NET_RAW", error.message())};
  }
  await(*family);
  families_.push_back(std::move(family));
  return success();
}

void PingClient::await(Family& family) {
  family.socket.async_wait(Icmp::socket::wait_read, [this, &family, alive = is_alive_](const error_code& error) {
    if (!*alive || error == asio::error::operation_aborted) return;
    drain(family);
    await(family);
  });
}

void PingClient::drain(Family& family) {
  for (int count = 0; count < reads_max; ++count) {
    error_code error;
    Icmp::endpoint from;
    const std::size_t length = family.socket.receive_from(asio::buffer(buffer_), from, 0, error);
    if (error == asio::error::would_block) return;
    if (!error) receive(family, from, length);
  }
}

void PingClient::receive(const Family& family, const Icmp::endpoint& from, std::size_t length) {
  const auto number = read_reply(std::span{buffer_}.first(length), family.is_v4, secret_);
  const bool was_asked = std::find(targets_.begin(), targets_.end(), from.address()) != targets_.end();
  // The first answer decides; those of the other targets say nothing new.
  if (!number || !was_asked || *number <= granted_ || *number > status_.asked) return;
  granted_ = *number;
  ++status_.answered;
  status_.answered_by = from.address().to_string();
  answered_at_ = platform::boottime_now();
  core::WitnessAnswered answered;
  answered.ask = *number;
  answered.answer.is_granted = true;
  sink_(answered);
}

void PingClient::ask(const core::AskWitness& question) {
  status_.asked = question.ask;
  status_.problem.clear();
  asked_at_ = platform::boottime_now();
  for (const auto& family : families_) {
    const Packet packet = make_packet(family->is_v4, secret_, question.ask);
    for (const asio::ip::address& target : targets_) {
      if (target.is_v4() != family->is_v4) continue;
      error_code error;
      family->socket.send_to(asio::buffer(packet), {target, 0}, 0, error);
      if (error && error != asio::error::would_block) {
        status_.problem = fmt::format("cannot send to {}: {}", target.to_string(), error.message());
      }
    }
  }
}

PingStatus PingClient::status(Instant now) const {
  PingStatus status = status_;
  if (asked_at_) status.last_asked_age = now - *asked_at_;
  if (answered_at_) status.last_answer_age = now - *answered_at_;
  return status;
}

}  // namespace clusteragent::witness
