#include "agent/fence/guard_release.hpp"

#include <unistd.h>

#include "agent/fence/guard_acts.hpp"
#include "agent/fence/guard_input.hpp"
#include "agent/fence/guard_protocol.hpp"

namespace clusteragent::fence {
namespace {

// The release says to a peer what it would else find out by its timeout: a few in a row outlast a short loss.
constexpr int release_repeats = 5;
constexpr useconds_t release_pause_us = 2000;
// The kernel ends a dead agent thread by thread, and the last one holds the port: on a busy machine 40 ms were seen.
constexpr int release_attempts_max = 250;

}  // namespace

void send_release(std::span<const std::byte> message, std::uint64_t epoch) {
  GuardReader head{message};
  head.number<ToGuard>();
  if (head.number<std::uint64_t>() != epoch) return;
  const auto count = head.number<std::uint32_t>();
  int repeats = 0;
  for (int attempt = 0; attempt < release_attempts_max && repeats < release_repeats; ++attempt) {
    if (attempt > 0) ::usleep(release_pause_us);
    GuardReader in = head;
    bool is_sent = false;
    for (std::uint32_t at = 0; at < count && in.is_whole(); ++at) {
      const auto address = in.bytes();
      const auto datagram = in.bytes();
      if (in.is_whole() && send_datagram(address, datagram)) is_sent = true;
    }
    if (is_sent) ++repeats;
  }
}

}  // namespace clusteragent::fence
