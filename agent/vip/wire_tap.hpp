#pragma once
// One interface's raw Ethernet through libpcap: frames go out past the kernel's own stack, and those by which others
// claim a virtual address come in. Opened before it is needed: opening costs milliseconds, sending microseconds.
//
// Ownership: moves; closes with its owner. Threads: one at a time; no call waits. Errors: a tap whose interface went
// down or away is dead (send and drain say so) and is opened anew when the interface is back.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/vip/frames.hpp"

struct pcap;

namespace clusteragent::vip {

class WireTap {
 public:
  /// Hears claims to `addresses` and words of a cluster only (a filter in the kernel).
  static Result<WireTap> open(const std::string& interface, const std::vector<IpAddress>& addresses);

  /// False: not sent.
  bool send(const Frame& frame);
  /// Hands on what has arrived. False: the tap is dead.
  bool drain(const std::function<void(std::span<const std::uint8_t>)>& on_frame);
  /// Readable when frames wait; stays the tap's.
  int descriptor() const;

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  explicit WireTap(pcap* handle) : handle_{handle} {}
  std::unique_ptr<pcap, Close> handle_;
};

/// The filter in libpcap's language; for tests.
std::string claim_filter(const std::vector<IpAddress>& addresses);

}  // namespace clusteragent::vip
