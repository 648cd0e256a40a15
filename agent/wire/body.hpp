#pragma once
// The bodies of version 1. Every frame has exactly one encoding: what reads differently from how it would be written is
// refused. Pure; any thread.
#include <optional>

#include "agent/wire/frame.hpp"
#include "agent/wire/octets.hpp"

namespace clusteragent::wire {

void write_body(Writer& out, const Body& body, std::uint8_t version);
/// nullopt: too short, too long, or a number that version 1 does not know.
std::optional<Body> read_body(FrameType type, Reader& in, std::uint8_t version);

}  // namespace clusteragent::wire
