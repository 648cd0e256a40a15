#pragma once
// The agent's side of guard_protocol.hpp: turns what GuardLink is told into messages. Pure.
#include <optional>

#include "agent/fence/guard_link.hpp"
#include "agent/fence/guard_protocol.hpp"

namespace clusteragent::fence {

using GuardMessage = std::vector<std::byte>;

/// `agent` is this process.
GuardMessage config_message(const GuardOptions& options, int agent);
GuardMessage plan_message(const std::vector<platform::KernelMessage>& plan);
GuardMessage release_message(Epoch epoch, const std::vector<ReleaseDatagram>& datagrams);
GuardMessage permit_message(const GuardState& state);
GuardMessage goodbye_message();
GuardMessage handover_message(Instant until, const std::string& path);

/// nullopt: no report of this protocol.
std::optional<GuardReport> parse_report(std::span<const std::byte> message);

}  // namespace clusteragent::fence
