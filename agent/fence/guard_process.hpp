#pragma once
// The guard's one object: what the agent has told it, what of it is done, and its watchdog. Internal to the guard's
// executable; what it is for stands in guard.hpp. One thread, no heap; times are CLOCK_BOOTTIME in nanoseconds.
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/types.h>

#include "agent/fence/guard_acts.hpp"
#include "agent/fence/guard_protocol.hpp"
#include "agent/fence/guard_watchdog.hpp"

namespace clusteragent::fence {

inline constexpr std::int64_t forever = INT64_MAX;
inline constexpr int strings_max = 512;  // of argv and of the environment, each

struct Storage {
  alignas(16) std::byte bytes[guard_message_bytes_max];
  std::size_t size = 0;
  std::span<const std::byte> message() const { return {bytes, size}; }
};

/// Everything lives in one static object: its pages are locked before they are needed.
class Guard {
 public:
  explicit Guard(const WatchdogCalls& calls) : watchdog_{calls} {}
  int run(int descriptor);

 private:
  // The agent's messages
  void receive();
  void take(std::span<const std::byte> message);
  void take_config();
  void try_lock();
  void open_watchdog();
  void report(ToAgent kind, int value);

  // Time
  std::int64_t next_deadline() const;
  void wait();
  void act_on_time(std::int64_t now);
  void watch_agent(std::int64_t now);
  void feed_watchdog(std::int64_t now);
  GuardDuty duty() const;

  // Acts
  void agent_died();
  void act_on_death();
  void look_for_successor();
  void end_quietly();
  void give_up_waiting();
  bool drop_addresses();
  void stop_service();
  void check_stop();
  void stop_ended(int exit_code);
  void release_and_end();

  bool holds(std::uint32_t what) const { return (permit_.holds & what) != 0; }

  int agent_ = -1;
  int agent_pidfd_ = -1;
  int lock_ = -1;
  GuardSockets sockets_;
  GuardWatchdog watchdog_;
  bool is_configured_ = false;
  bool is_armed_ = false;
  bool is_agent_dead_ = false;
  bool awaits_successor_ = false;  // the agent ended on purpose; its next life has until handover_until_
  bool is_over_ = false;
  bool is_dropped_ = false;  // since the permit ran out
  bool has_let_go_ = false;  // and nothing of it is left
  bool is_stopped_ = false;  // the stop command has run since then
  bool has_failed_ = false;  // something before the release did not succeed
  std::int64_t drop_after_ = 0;
  std::int64_t stop_after_ = forever;
  std::int64_t stop_limit_ = 0;
  std::int64_t lock_retry_ = forever;
  std::int64_t handover_until_ = 0;
  const char* handover_path_ = "";
  const char* handover_taken_ = "";
  int handover_watch_ = -1;
  const char* lock_path_ = "";
  const char* watchdog_path_ = "";
  int watchdog_timeout_ = 0;
  GuardPermitMessage permit_;
  pid_t stop_process_ = -1;
  int stop_pidfd_ = -1;
  std::int64_t stop_deadline_ = forever;
  bool is_stop_killed_ = false;
  StopCommand stop_command_;
  char* arguments_[strings_max + 1] = {};
  char* environment_[strings_max + 1] = {};
  Storage inbox_;
  Storage config_;
  Storage plan_;
  Storage release_;
  Storage handover_;
  GuardReport report_;
};

}  // namespace clusteragent::fence
