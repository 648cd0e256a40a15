#pragma once
// The dead agent's last words to the peer, for the guard: signed beforehand, sent as they are. No heap.
#include <cstddef>
#include <cstdint>
#include <span>

namespace clusteragent::fence {

/// `message` is ToGuard::release; words for another epoch than `epoch` are not sent. Waits for the agent's port, half a
/// second at most.
void send_release(std::span<const std::byte> message, std::uint64_t epoch);

}  // namespace clusteragent::fence
