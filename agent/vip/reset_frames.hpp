#pragma once
// The answer to a TCP segment that has no connection on this machine: RFC 9293 §3.5.2 and §3.10.7.1, over IPv4 and
// IPv6. Pure functions over values: no I/O, any thread.
#include <optional>
#include <span>

#include "agent/vip/frames.hpp"

namespace clusteragent::vip {

/// The RST frame that answers `frame`, back the way it came: to the MAC that sent it, which is a router's where the
/// client is on another network. nullopt: it is not a whole TCP segment for one of `given_up`, it is a RST itself, or
/// it comes from where no single machine is. The end of a long frame may be missing, its headers not. The segment's
/// checksum is not looked at: what was sent on the same machine has none yet, and a RST that answers a damaged segment
/// fits no connection.
std::optional<Frame> reset_answer(std::span<const std::uint8_t> frame, std::span<const IpAddress> given_up);

}  // namespace clusteragent::vip
