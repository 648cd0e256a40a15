#include "agent/vip/wire_tap.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>

#include "agent/wire/lan_trailer.hpp"

namespace clusteragent::vip {
namespace {

// The longest frame of interest is a neighbour solicitation with a word behind it: 125 bytes.
constexpr int capture_bytes = 128;
// The ring is locked kernel memory mapped into this process: claims are rare, so a few hundred frames are plenty.
constexpr int ring_bytes = 64 * 1024;
// Frames of one drain before other work gets its turn: a flood of forged claims must not hold the thread.
constexpr int drain_frames_max = 64;

Error failure(const std::string& interface, pcap_t* handle, const std::string& what) {
  return Error{ErrorCode::system, fmt::format("cannot {} on interface {}: {}; raw packets need CAP_NET_RAW", what,
                                              interface, pcap_geterr(handle))};
}

}  // namespace

void WireTap::Close::operator()(pcap* handle) const {
  pcap_close(handle);
}

std::string claim_filter(const std::vector<IpAddress>& addresses) {
  std::string filter;
  bool has_v6 = false;
  for (const IpAddress& address : addresses) {
    has_v6 = has_v6 || address.is_v6();
    if (!address.is_v4()) continue;
    filter += fmt::format("{}(arp and arp[14:4] = {})", filter.empty() ? "" : " or ", address.to_v4().to_uint());
  }
  // Which address an advertisement names is looked at after capture: they are rare, and the expression stays short.
  if (has_v6) filter += fmt::format("{}(icmp6 and ip6[40] = 136)", filter.empty() ? "" : " or ");
  // Questions for an address are frequent, words behind them are not. They come last: a packet that ends before the
  // place that is looked at is refused as a whole.
  if (has_v6) filter += fmt::format(" or (icmp6 and ip6[40] = 135 and ip6[64:4] = {})", wire::lan_magic);
  if (!filter.empty()) filter += fmt::format(" or (arp and arp[28:4] = {})", wire::lan_magic);
  return filter;
}

Result<WireTap> WireTap::open(const std::string& interface, const std::vector<IpAddress>& addresses) {
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  pcap_t* handle = pcap_create(interface.c_str(), why.data());
  if (handle == nullptr) {
    return Error{ErrorCode::system, fmt::format("cannot capture on interface {}: {}", interface, why.data())};
  }
  WireTap tap{handle};
  // Immediate: a claim must not wait for a full block. Not promiscuous: claims of interest are broadcast or for us.
  if (pcap_set_snaplen(handle, capture_bytes) != 0 || pcap_set_immediate_mode(handle, 1) != 0 ||
      pcap_set_buffer_size(handle, ring_bytes) != 0 || pcap_set_promisc(handle, 0) != 0) {
    return failure(interface, handle, "set up the capture");
  }
  // Otherwise the kernel shows every packet of the machine to the filter, that of the mirror's stream included.
  const bool is_arp_alone =
      std::all_of(addresses.begin(), addresses.end(), [](const auto& one) { return one.is_v4(); });
  if (is_arp_alone && pcap_set_protocol_linux(handle, ETH_P_ARP) != 0)
    return failure(interface, handle, "set up the capture");
  if (pcap_activate(handle) < 0) return failure(interface, handle, "capture");
  if (pcap_datalink(handle) != DLT_EN10MB) {
    return Error{ErrorCode::configuration,
                 fmt::format("interface {} is no Ethernet: a virtual IP cannot be announced there", interface)};
  }
  bpf_program program{};
  if (pcap_compile(handle, &program, claim_filter(addresses).c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return failure(interface, handle, "filter the capture");
  }
  const int filtered = pcap_setfilter(handle, &program);
  pcap_freecode(&program);
  if (filtered != 0) return failure(interface, handle, "filter the capture");
  if (pcap_setdirection(handle, PCAP_D_IN) != 0 || pcap_setnonblock(handle, 1, why.data()) != 0) {
    return failure(interface, handle, "set up the capture");
  }
  return tap;
}

bool WireTap::send(const Frame& frame) {
  return pcap_inject(handle_.get(), frame.data(), frame.size()) >= 0;
}

bool WireTap::drain(const std::function<void(std::span<const std::uint8_t>)>& on_frame) {
  struct Context {
    const std::function<void(std::span<const std::uint8_t>)>& on_frame;
  } context{on_frame};
  const auto take = [](u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
    reinterpret_cast<Context*>(user)->on_frame({bytes, header->caplen});
  };
  return pcap_dispatch(handle_.get(), drain_frames_max, take, reinterpret_cast<u_char*>(&context)) >= 0;
}

int WireTap::descriptor() const {
  return pcap_get_selectable_fd(handle_.get());
}

}  // namespace clusteragent::vip
