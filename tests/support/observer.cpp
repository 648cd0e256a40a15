// Who answers for the virtual address, asked of the kernels themselves: every period, each node is sent an ARP request
// and an ICMP echo request for the address, in frames addressed to that node's own MAC address, so that each answers
// for itself whatever the switch and the client's ARP cache believe. Two nodes that answer in one period are two
// primaries.
//
// The questions come from an address and a MAC address of their own: the answers pass the client's kernel by, which
// would otherwise learn from them what only a gratuitous ARP may teach it.
//   observer --interface net1 --address 10.77.1.100 --self 10.77.1.11 --node node1=02:ca:77:00:01:01 --node ...
//     [--period-us 1000] [--seconds 0]
// Prints one line of JSON at the end (SIGTERM, or after --seconds).
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "tests/support/measure.hpp"

namespace {

using clusteragent::measure::fail;
using clusteragent::measure::monotonic_ns;
using clusteragent::measure::to_ms;

using Mac = std::array<std::uint8_t, 6>;
constexpr Mac observer_mac{0x02, 0xca, 0x77, 0x00, 0x01, 0xfe};
constexpr std::size_t ticks_max = 4'000'000;
constexpr std::size_t nodes_max = 8;
constexpr std::uint16_t echo_id = 0x7707;
constexpr std::size_t frame_bytes_max = 128;

struct [[gnu::packed]] ArpFrame {
  Mac to, from;
  std::uint16_t type = htons(ETH_P_ARP);
  std::uint16_t hardware = htons(ARPHRD_ETHER);
  std::uint16_t protocol = htons(ETH_P_IP);
  std::uint8_t hardware_bytes = 6;
  std::uint8_t protocol_bytes = 4;
  std::uint16_t operation = htons(ARPOP_REQUEST);
  Mac sender_mac;
  in_addr_t sender;
  Mac target_mac{};
  in_addr_t target;
};
static_assert(sizeof(ArpFrame) == 42);

struct [[gnu::packed]] EchoFrame {
  Mac to, from;
  std::uint16_t type = htons(ETH_P_IP);
  std::uint8_t version_and_length = 0x45;
  std::uint8_t service = 0;
  std::uint16_t length = htons(36);
  std::uint16_t id = 0;
  std::uint16_t fragment = 0;
  std::uint8_t hops = 64;
  std::uint8_t protocol = IPPROTO_ICMP;
  std::uint16_t ip_sum = 0;
  in_addr_t source;
  in_addr_t target;
  std::uint8_t icmp_type = ICMP_ECHO;
  std::uint8_t icmp_code = 0;
  std::uint16_t icmp_sum = 0;
  std::uint16_t echo_identity = htons(echo_id);
  std::uint16_t sequence = 0;
  std::uint64_t tick = 0;
};
static_assert(sizeof(EchoFrame) == 50);

/// The Internet checksum (RFC 1071) over bytes of even number.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t index = 0; index + 1 < bytes.size(); index += 2) {
    sum += static_cast<std::uint32_t>(bytes[index] << 8 | bytes[index + 1]);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~(sum + (sum >> 16))));
}

struct Node {
  std::string name;
  Mac mac{};
};

class Observer {
 public:
  Observer(const std::string& interface, in_addr_t address, in_addr_t self, std::vector<Node> nodes)
      : address_{address}, self_{self}, nodes_{std::move(nodes)} {
    descriptor_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_protocol = htons(ETH_P_ALL);
    link.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (descriptor_ < 0 || link.sll_ifindex == 0 ||
        bind(descriptor_, reinterpret_cast<sockaddr*>(&link), sizeof link) != 0) {
      fail(interface);
    }
  }

  void run(std::int64_t period_ns, std::int64_t seconds) {
    period_ns_ = period_ns;
    const std::int64_t start = monotonic_ns();
    std::int64_t next = start;
    while (clusteragent::measure::is_stopping == 0 && ticks_.size() < ticks_max &&
           (seconds == 0 || next - start < seconds * 1'000'000'000)) {
      ask();
      next += period_ns;
      while (clusteragent::measure::wait_readable(descriptor_, next)) {
        read_frames();
      }
      next = std::max(next, monotonic_ns() - 10 * period_ns);  // after a stall: at most ten questions to catch up
    }
  }

  void report() const {
    std::string intervals;
    std::int64_t dual = 0;
    std::int64_t dual_longest = 0;
    std::int64_t none = 0;
    for (std::size_t index = 0; index < ticks_.size();) {
      std::size_t end = index + 1;
      while (end < ticks_.size() && ticks_[end].mask == ticks_[index].mask) {
        ++end;
      }
      const std::int64_t to = end < ticks_.size() ? ticks_[end].at_ns : ticks_.back().at_ns + period_ns_;
      const std::int64_t length = to - ticks_[index].at_ns;
      const std::uint8_t mask = ticks_[index].mask;
      if ((mask & (mask - 1)) != 0) {
        dual += length;
        dual_longest = std::max(dual_longest, length);
      }
      none += mask == 0 ? length : 0;
      intervals += fmt::format(R"({}{{"from_ns":{},"to_ns":{},"hosts":[{}]}})", intervals.empty() ? "" : ",",
                               ticks_[index].at_ns, to, names_of(mask));
      index = end;
    }
    fmt::print(R"({{"ticks":{},"dual_ms":{:.3f},"dual_longest_ms":{:.3f},"none_ms":{:.3f},"intervals":[{}]}})"
               "\n",
               ticks_.size(), to_ms(dual), to_ms(dual_longest), to_ms(none), intervals);
  }

 private:
  struct Tick {
    std::int64_t at_ns = 0;
    std::uint8_t mask = 0;
  };

  void ask() {
    const std::uint64_t number = ticks_.size();
    ticks_.push_back(Tick{.at_ns = monotonic_ns()});
    for (const Node& node : nodes_) {
      send_frame(ArpFrame{
          .to = node.mac, .from = observer_mac, .sender_mac = observer_mac, .sender = self_, .target = address_});
      EchoFrame echo{.to = node.mac,
                     .from = observer_mac,
                     .source = self_,
                     .target = address_,
                     .sequence = htons(static_cast<std::uint16_t>(number)),
                     .tick = number};
      std::array<std::uint8_t, sizeof echo> bytes{};
      std::memcpy(bytes.data(), &echo, sizeof echo);
      echo.ip_sum = checksum(std::span{bytes}.subspan(14, 20));
      echo.icmp_sum = checksum(std::span{bytes}.subspan(34));
      send_frame(echo);
    }
  }

  template <typename Frame>
  void send_frame(const Frame& frame) {
    static_cast<void>(send(descriptor_, &frame, sizeof frame, MSG_DONTWAIT));  // unsent is unanswered
  }

  void read_frames() {
    std::array<std::uint8_t, frame_bytes_max> data{};
    ssize_t size = 0;
    while ((size = recv(descriptor_, data.data(), data.size(), MSG_DONTWAIT)) > 0) {
      if (static_cast<std::size_t>(size) >= sizeof(ArpFrame)) {
        read_arp(data);
      }
      if (static_cast<std::size_t>(size) >= sizeof(EchoFrame)) {
        read_echo(data);
      }
    }
  }

  void read_arp(const std::array<std::uint8_t, frame_bytes_max>& data) {
    ArpFrame frame{};
    std::memcpy(&frame, data.data(), sizeof frame);
    if (frame.type != htons(ETH_P_ARP)) {
      return;
    }
    if (frame.operation == htons(ARPOP_REQUEST) && frame.target == self_ && frame.from != observer_mac) {
      // The nodes resolve this observer before they can answer its echo requests.
      send_frame(ArpFrame{.to = frame.from,
                          .from = observer_mac,
                          .operation = htons(ARPOP_REPLY),
                          .sender_mac = observer_mac,
                          .sender = self_,
                          .target_mac = frame.sender_mac,
                          .target = frame.sender});
    }
    if (frame.operation == htons(ARPOP_REPLY) && frame.sender == address_ && frame.to == observer_mac) {
      mark(frame.from, ticks_.size() - 1);
    }
  }

  void read_echo(const std::array<std::uint8_t, frame_bytes_max>& data) {
    EchoFrame frame{};
    std::memcpy(&frame, data.data(), sizeof frame);
    if (frame.type == htons(ETH_P_IP) && frame.protocol == IPPROTO_ICMP && frame.icmp_type == ICMP_ECHOREPLY &&
        frame.echo_identity == htons(echo_id) && frame.source == address_ && frame.tick < ticks_.size()) {
      mark(frame.from, frame.tick);
    }
  }

  void mark(const Mac& mac, std::size_t tick) {
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
      if (nodes_[index].mac == mac) {
        ticks_[tick].mask = static_cast<std::uint8_t>(ticks_[tick].mask | 1U << index);
      }
    }
  }

  std::string names_of(std::uint8_t mask) const {
    std::string text;
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
      if ((std::uint32_t{mask} >> index & 1U) != 0) {
        text += fmt::format(R"({}"{}")", text.empty() ? "" : ",", nodes_[index].name);
      }
    }
    return text;
  }

  in_addr_t address_;
  in_addr_t self_;
  std::vector<Node> nodes_;
  std::int64_t period_ns_ = 0;
  int descriptor_ = -1;
  std::vector<Tick> ticks_;
};

Node parse_node(const std::string& text) {
  Node node;
  const std::size_t equals = text.find('=');
  std::array<unsigned, 6> bytes{};
  if (equals == std::string::npos || std::sscanf(text.c_str() + equals + 1, "%2x:%2x:%2x:%2x:%2x:%2x", &bytes[0],
                                                 &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5]) != 6) {
    fail("--node wants NAME=MAC");
  }
  node.name = text.substr(0, equals);
  std::transform(bytes.begin(), bytes.end(), node.mac.begin(), [](unsigned byte) { return std::uint8_t(byte); });
  return node;
}

in_addr_t parse_address(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) {
    fail(fmt::format("{} is no IPv4 address", text));
  }
  return address.s_addr;
}

}  // namespace

int main(int count, char** words) {
  const clusteragent::measure::Words options{
      count, words, "usage: observer --interface NAME --address VIP --self ADDRESS --node NAME=MAC ..."};
  std::vector<Node> nodes;
  const auto [first, last] = options.all("node");
  for (auto entry = first; entry != last; ++entry) {
    nodes.push_back(parse_node(entry->second));
  }
  if (nodes.empty() || nodes.size() > nodes_max) {
    fail("from 1 to 8 --node");
  }
  Observer observer{options.text("interface"), parse_address(options.text("address")),
                    parse_address(options.text("self")), std::move(nodes)};
  clusteragent::measure::prepare_process();
  observer.run(options.number("period-us", 1000) * 1000, options.number("seconds", 0));
  observer.report();
  return 0;
}
