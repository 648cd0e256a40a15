#include "agent/vip/reset_answerer.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pcap/pcap.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <span>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/platform/linux/netlink.hpp"
#include "agent/vip/reset_frames.hpp"

namespace clusteragent::vip {
namespace {

using platform::boottime_now;

// The headers of Ethernet, IPv4 with all options and TCP are 94 bytes.
constexpr int capture_bytes = 128;
// Frames of one drain before other work gets its turn, and answers in all: more than clients need, and no more
// processor time than that for somebody who sends a flood.
constexpr int drain_frames_max = 64;
constexpr std::size_t answers_max = 20'000;

/// As libpcap compiles it: the kernel then shows this process nothing but segments for the addresses. Empty: it cannot.
std::vector<sock_filter> compiled(const std::vector<IpAddress>& addresses) {
  std::string hosts;
  for (const IpAddress& address : addresses) {
    hosts += fmt::format("{}dst host {}", hosts.empty() ? "" : " or ", address.to_string());
  }
  pcap_t* dead = pcap_open_dead(DLT_EN10MB, capture_bytes);
  bpf_program program{};
  std::vector<sock_filter> filter;
  if (!hosts.empty() && dead != nullptr &&
      pcap_compile(dead, &program, fmt::format("tcp and ({})", hosts).c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0) {
    for (const bpf_insn& one : std::span{program.bf_insns, program.bf_len}) {
      filter.push_back({one.code, one.jt, one.jf, one.k});
    }
    pcap_freecode(&program);
  }
  if (dead != nullptr) pcap_close(dead);
  return filter;
}

bool attach(int socket, std::span<sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace

/// A raw socket that hears one protocol on one link.
struct ResetAnswerer::Ear {
  unsigned link = 0;
  std::uint16_t protocol = 0;
  Descriptor socket;
};

ResetAnswerer::ResetAnswerer(boost::asio::io_context& io, std::vector<IpAddress> addresses)
    : io_{io}, addresses_{std::move(addresses)}, filter_{compiled(addresses_)}, end_{io} {}

ResetAnswerer::~ResetAnswerer() = default;

void ResetAnswerer::listen(unsigned link, const std::string& name) {
  answered_ = 0;
  bool hears_all = !filter_.empty();
  for (const bool is_v4 : {true, false}) {
    const std::uint16_t protocol = is_v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6;
    const bool is_wanted = std::any_of(addresses_.begin(), addresses_.end(),
                                       [is_v4](const IpAddress& one) { return one.is_v4() == is_v4; });
    if (is_wanted) hears_all = hears_all && listen(link, protocol);
  }
  end_at(boottime_now() + reset_span);
  if (hears_all) return;
  log::event("vip", "no raw socket on {} ({}): clients notice later that the virtual IP has left", name,
             filter_.empty() ? "libpcap made no filter for the addresses" : platform::errno_text(errno));
}

/// What an earlier move has left open is used again.
bool ResetAnswerer::listen(unsigned link, std::uint16_t protocol) {
  for (const auto& ear : ears_) {
    if (ear->link == link && ear->protocol == protocol) return attach(ear->socket.native_handle(), filter_);
  }
  // Without a protocol it hears nothing before the filter is in place.
  const int number = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (number < 0) return false;
  Descriptor socket{io_, number};
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(protocol);
  where.sll_ifindex = static_cast<int>(link);
  if (!attach(number, filter_) || ::bind(number, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    return false;
  }
  ears_.push_back(std::make_unique<Ear>(Ear{link, protocol, std::move(socket)}));
  return true;
}

void ResetAnswerer::answer() {
  is_answering_ = true;
  until_ = boottime_now() + reset_span;
  end_at(until_);
  for (const auto& ear : ears_) {
    if (drain(*ear)) watch(*ear);
  }
}

void ResetAnswerer::on_claim() {
  if (!is_answering_) return;
  until_ = std::min(until_, boottime_now() + reset_span_after_claim);
  end_at(until_);
}

void ResetAnswerer::stop() {
  is_answering_ = false;
  std::array<sock_filter, 1> nothing{BPF_STMT(BPF_RET | BPF_K, 0)};
  for (const auto& ear : ears_) attach(ear->socket.native_handle(), nothing);
}

void ResetAnswerer::watch(Ear& ear) {
  ear.socket.async_wait(Descriptor::wait_read, [this, &ear](const boost::system::error_code& error) {
    if (!error && drain(ear)) watch(ear);
  });
}

/// False: nothing more is to come from it.
bool ResetAnswerer::drain(Ear& ear) {
  const int socket = ear.socket.native_handle();
  std::array<std::uint8_t, capture_bytes> buffer{};
  for (int count = 0; count < drain_frames_max; ++count) {
    if (!is_answering_ || answered_ >= answers_max || boottime_now() >= until_) return false;
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const ssize_t size =
        ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    // Flooded frames for another machine pass by here as well.
    if (from.sll_pkttype != PACKET_HOST) continue;
    const auto answer = reset_answer(std::span{buffer}.first(static_cast<std::size_t>(size)), addresses_);
    if (answer && ::send(socket, answer->data(), answer->size(), MSG_DONTWAIT) >= 0) ++answered_;
  }
  return true;
}

void ResetAnswerer::end_at(Instant moment) {
  end_.expires_after(std::max(moment - boottime_now(), Duration::zero()));
  end_.async_wait([this](const boost::system::error_code& error) {
    if (!error) close();
  });
}

void ResetAnswerer::close() {
  is_answering_ = false;
  ears_.clear();
  if (answered_ == 0) return;
  log::info("vip", "{} segment(s) for the virtual IP came when it had gone; their senders were told by RST", answered_);
  answered_ = 0;
}

}  // namespace clusteragent::vip
