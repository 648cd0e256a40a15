#pragma once
// What agent and guard say to each other over their socket pair (SOCK_SEQPACKET: a message is a datagram, in order).
// Both come from one build, so there is one version and the machine's own byte order. Included by the guard, which has
// no heap: plain values and constants only.
#include <cstddef>
#include <cstdint>

namespace clusteragent::fence {

inline constexpr std::uint32_t guard_protocol_version = 3;
// Where the guard finds its socket.
inline constexpr int guard_descriptor = 3;
// The largest message: a plan for 64 addresses, or the stop command with its environment. Below the default socket
// buffer.
inline constexpr std::size_t guard_message_bytes_max = 32 * 1024;

/// The first four bytes of a message.
enum class ToGuard : std::uint32_t {
  config = 1,   // version u32, agent pid i32, drop_after i64, stop_after i64, stop_limit i64, watchdog timeout in
                // seconds i32, watchdog path (empty: none), lock path, directory, argv count u32 and strings,
                // environment count u32 and strings
  plan = 2,     // count u32, then of each: netlink protocol u32, message bytes
  release = 3,  // epoch u64, count u32, then of each: socket address bytes, datagram bytes
  permit = 4,   // GuardPermitMessage
  goodbye = 5,
  handover = 6,  // until i64, path, path when taken: the agent ends on purpose; act at `until` unless the file there is
                 // gone by then
};
// Strings and bytes are u32 length and content; strings are closed by a zero that counts.

enum class ToAgent : std::uint32_t {
  armed = 1,            // the configuration is taken and no former guard is at work any more
  vip_dropped = 2,      // the permit was overdue; the addresses are removed
  service_stopped = 3,  // the permit was overdue for long; value: exit code of the stop command
  problem = 4,          // text says what
  watchdog = 5,         // value: the timeout in force, in seconds; 0: it is not fed, and text says why
};

struct GuardPermitMessage {
  ToGuard kind = ToGuard::permit;
  std::uint32_t holds = 0;  // bit 0: virtual addresses, bit 1: the application
  std::uint64_t epoch = 0;
  std::int64_t until = 0;  // CLOCK_BOOTTIME, nanoseconds
};
inline constexpr std::uint32_t holds_vip = 1;
inline constexpr std::uint32_t holds_service = 2;

inline constexpr std::size_t guard_report_text_bytes = 240;
struct GuardReport {
  ToAgent kind = ToAgent::armed;
  std::int32_t value = 0;
  char text[guard_report_text_bytes] = {};
};

}  // namespace clusteragent::fence
