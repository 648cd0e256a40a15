#pragma once
// What the two nodes say to each other on the network of the virtual IP itself, where heartbeats need not run: the one
// place at which a double primary can do harm. A plain value; agent/wire makes signed octets of it, agent/vip carries
// them behind a question for the address that claims nothing (RFC 5227 §2.1.1, RFC 4861 §4.3). The rules that go with
// it: lan_watch.hpp.
#include <cstdint>

#include "agent/base/ids.hpp"

namespace clusteragent::core {

struct LanWord {
  std::uint64_t number = 0;  // grows by one a word within a life of the agent; begins anywhere
  std::uint64_t heard =
      0;                   // the receiver's newest number, as heard by the sender: by it the receiver knows a recording
  Epoch epoch{};           // of the sender's tenure; meaningful where it holds the address
  bool asks = false;       // wants an answer at once
  bool holds_vip = false;  // the sender's kernel answers for the virtual IP now
  bool is_free = false;    // the sender has no virtual IP; with `holds_vip` false: it has it, muted
  friend bool operator==(const LanWord&, const LanWord&) = default;
};

}  // namespace clusteragent::core
