#include "agent/fence/guard.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "agent/fence/guard_input.hpp"
#include "agent/fence/guard_process.hpp"
#include "agent/fence/guard_release.hpp"

namespace clusteragent::fence {
namespace {

// A former guard may still be stopping the application; it is done by its own limit.
constexpr std::int64_t lock_poll_ns = 10'000'000;
// A killed group is gone at once unless it hangs in the kernel; then the peer's timeout has to do.
constexpr std::int64_t kill_wait_ns = 2'000'000'000;

std::int64_t sum(std::int64_t a, std::int64_t b) {
  return b > forever - a ? forever : a + b;
}

}  // namespace

int Guard::run(int descriptor) {
  agent_ = descriptor;
  ::fcntl(agent_, F_SETFD, FD_CLOEXEC);
  harden_process();
  sockets_ = open_guard_sockets();
  while (!is_over_) {
    wait();
    receive();
    check_stop();
    act_on_time(boottime_nanoseconds());
  }
  // What could not be removed is the reset's to end, unless the agent's next life feeds the device before.
  if (is_done(duty(), boottime_nanoseconds())) watchdog_.stop();
  return 0;
}

void Guard::wait() {
  pollfd watched[4] = {{is_agent_dead_ ? -1 : agent_, POLLIN, 0},
                       {is_agent_dead_ ? -1 : agent_pidfd_, POLLIN, 0},
                       {stop_pidfd_, POLLIN, 0},
                       {handover_watch_, POLLIN, 0}};
  const std::int64_t deadline = next_deadline();
  timespec left{};
  if (deadline != forever) {
    const std::int64_t wait_ns = std::max<std::int64_t>(deadline - boottime_nanoseconds(), 0);
    left = {wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  }
  const int ready = ::ppoll(watched, 4, deadline == forever ? nullptr : &left, nullptr);
  // Its process is gone although the socket lives: something it started has inherited the other end.
  if (ready > 0 && watched[1].revents != 0) {
    receive();  // its last words come first: a goodbye makes the death a clean one
    agent_died();
  }
  if (ready > 0 && watched[3].revents != 0) look_for_successor();
}

/// Everything that has arrived is looked at before time is: a permit that waits in the socket is in time.
void Guard::receive() {
  while (!is_agent_dead_ && !is_over_) {
    const ssize_t size = ::recv(agent_, inbox_.bytes, sizeof inbox_.bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return agent_died();
    take({inbox_.bytes, static_cast<std::size_t>(size)});
  }
}

void Guard::take(std::span<const std::byte> message) {
  const auto keep = [message](Storage& in) {
    ::memcpy(in.bytes, message.data(), message.size());
    in.size = message.size();
  };
  switch (GuardReader{message}.number<ToGuard>()) {
    case ToGuard::config:
      keep(config_);
      take_config();
      break;
    case ToGuard::plan:
      keep(plan_);
      break;
    case ToGuard::release:
      keep(release_);
      break;
    case ToGuard::permit:
      if (message.size() != sizeof permit_) break;
      ::memcpy(&permit_, message.data(), sizeof permit_);
      if (permit_.until > boottime_nanoseconds()) is_dropped_ = has_let_go_ = is_stopped_ = has_failed_ = false;
      break;
    case ToGuard::goodbye:
      end_quietly();
      break;
    case ToGuard::handover: {
      keep(handover_);
      GuardReader in{handover_.message()};
      in.number<ToGuard>();
      handover_until_ = in.number<std::int64_t>();
      handover_path_ = in.string();
      handover_taken_ = in.string();
      if (!in.is_whole()) handover_until_ = 0;
      break;
    }
  }
}

void Guard::take_config() {
  GuardReader in{config_.message()};
  in.number<ToGuard>();
  const auto version = in.number<std::uint32_t>();
  const auto agent = in.number<std::int32_t>();
  drop_after_ = in.number<std::int64_t>();
  stop_after_ = in.number<std::int64_t>();
  stop_limit_ = in.number<std::int64_t>();
  watchdog_timeout_ = in.number<std::int32_t>();
  watchdog_path_ = in.string();
  lock_path_ = in.string();
  stop_command_.directory = in.string();
  for (auto* list : {arguments_, environment_}) {
    const std::uint32_t count = std::min<std::uint32_t>(in.number<std::uint32_t>(), strings_max);
    for (std::uint32_t at = 0; at < count; ++at) list[at] = const_cast<char*>(in.string());
    list[count] = nullptr;
  }
  stop_command_.arguments = arguments_;
  stop_command_.environment = environment_;
  if (!in.is_whole() || version != guard_protocol_version) {
    say(report_.text, sizeof report_.text,
        "the agent speaks another protocol: agent and guard must be of one installation");
    return report(ToAgent::problem, 0);
  }
  if (agent_pidfd_ < 0) agent_pidfd_ = open_pidfd(agent);
  is_configured_ = true;
  try_lock();
}

/// One guard a module: a former one may still be stopping the application that the new agent is about to look at.
void Guard::try_lock() {
  lock_retry_ = forever;
  if (is_armed_) return;
  if (lock_path_[0] != '\0' && lock_ < 0) lock_ = ::open(lock_path_, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    lock_retry_ = boottime_nanoseconds() + lock_poll_ns;
    return;
  }
  is_armed_ = true;
  open_watchdog();
  report(ToAgent::armed, 0);
}

/// Not before the former guard has ended: a device is open once.
void Guard::open_watchdog() {
  if (watchdog_path_[0] == '\0') return;
  const int seconds = watchdog_.open(watchdog_path_, watchdog_timeout_, {report_.text, sizeof report_.text});
  report(ToAgent::watchdog, seconds);
}

void Guard::report(ToAgent kind, int value) {
  report_.kind = kind;
  report_.value = value;
  if (!is_agent_dead_) ::send(agent_, &report_, sizeof report_, MSG_DONTWAIT | MSG_NOSIGNAL);
  report_.text[0] = '\0';
}

std::int64_t Guard::next_deadline() const {
  std::int64_t next = std::min({lock_retry_, stop_deadline_, watchdog_.next_feed()});
  if (awaits_successor_) return std::min(next, handover_until_);
  if (is_agent_dead_ || !is_configured_) return next;
  if (holds(holds_vip) && !is_dropped_) next = std::min(next, sum(permit_.until, drop_after_));
  if (holds(holds_service) && !is_stopped_ && stop_process_ < 0) next = std::min(next, sum(permit_.until, stop_after_));
  return next;
}

GuardDuty Guard::duty() const {
  const std::int64_t due = awaits_successor_ ? handover_until_
                           : is_agent_dead_  ? INT64_MIN
                                             : sum(permit_.until, drop_after_);
  return {holds(holds_vip), has_let_go_, due};
}

void Guard::feed_watchdog(std::int64_t now) {
  if (now < watchdog_.next_feed()) return;
  // The machine is at stake: what failed once is tried again until its end.
  if (!is_done(duty(), now)) drop_addresses();
  if (watchdog_.feed(now, is_done(duty(), now), {report_.text, sizeof report_.text})) return;
  report(ToAgent::problem, 0);
}

void Guard::act_on_time(std::int64_t now) {
  if (is_over_) return;
  if (now >= lock_retry_) try_lock();
  if (awaits_successor_ && now >= handover_until_) give_up_waiting();
  if (now >= stop_deadline_ && stop_process_ > 0) {
    if (is_stop_killed_) {
      say(nullptr, 0, "the stop command does not die; nobody can say whether the application runs");
      has_failed_ = true;
      return stop_ended(-1);
    }
    say(nullptr, 0, "the stop command takes longer than its limit; killing it");
    kill_group(stop_process_);
    is_stop_killed_ = true;
    has_failed_ = true;
    stop_deadline_ = sum(now, kill_wait_ns);
  }
  watch_agent(now);
  feed_watchdog(now);
}

void Guard::watch_agent(std::int64_t now) {
  if (is_over_ || is_agent_dead_ || !is_configured_) return;
  if (holds(holds_vip) && !is_dropped_ && now >= sum(permit_.until, drop_after_)) {
    is_dropped_ = true;
    drop_addresses();
    say(report_.text, sizeof report_.text,
        "the agent stands still, its permit is over since %lld ms: virtual IP removed",
        static_cast<long long>((now - permit_.until) / 1'000'000));
    report(ToAgent::vip_dropped, 0);
  }
  if (holds(holds_service) && !is_stopped_ && now >= sum(permit_.until, stop_after_)) {
    say(nullptr, 0, "the agent stands still for too long: stopping the application by force");
    stop_service();
  }
}

void Guard::agent_died() {
  if (is_agent_dead_ || is_over_) return;
  is_agent_dead_ = true;
  lock_retry_ = forever;
  if (!is_configured_ || permit_.holds == 0) {
    is_over_ = true;
    return;
  }
  // A stall before the end has begun to stop things already.
  if (boottime_nanoseconds() < handover_until_ && !is_dropped_ && !is_stopped_) {
    awaits_successor_ = true;
    handover_watch_ = watch_file(handover_path_);
    return look_for_successor();
  }
  act_on_death();
}

/// The file is gone once the next life's own guard knows everything.
void Guard::look_for_successor() {
  drain_watch(handover_watch_);
  if (awaits_successor_ && !has_file(handover_path_) && !has_file(handover_taken_)) end_quietly();
}

/// What is held from here on is somebody else's to give up.
void Guard::end_quietly() {
  permit_.holds = 0;
  is_over_ = true;
}

/// Whoever removes the file acts: either this guard or the next life of the agent, never both.
void Guard::give_up_waiting() {
  awaits_successor_ = false;
  const bool was_there = take_file(handover_path_);
  const bool was_taken = take_file(handover_taken_);
  if (!was_there && !was_taken) return end_quietly();
  say(nullptr, 0, "the agent handed over and its next life did not come in time");
  act_on_death();
}

void Guard::act_on_death() {
  if (!drop_addresses()) has_failed_ = true;
  say(nullptr, 0, "the agent is dead: virtual IP removed");
  if (stop_process_ > 0) return;  // under way since the agent stood still; its end goes on from here
  if (!holds(holds_service) || is_stopped_) return release_and_end();
  say(nullptr, 0, "stopping the application by force");
  stop_service();
}

bool Guard::drop_addresses() {
  GuardReader in{plan_.message()};
  in.number<ToGuard>();
  bool is_removed = true;
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t at = 0; at < count && in.is_whole(); ++at) {
    const auto protocol = in.number<std::uint32_t>();
    const int code = send_kernel_message(sockets_, static_cast<int>(protocol), in.bytes());
    if (code == 0) continue;
    is_removed = false;
    say(report_.text, sizeof report_.text, "cannot remove the virtual IP: %s", ::strerror(code));
    report(ToAgent::problem, code);
  }
  has_let_go_ = is_removed && in.is_whole();
  return has_let_go_;
}

void Guard::stop_service() {
  if (stop_process_ > 0) return;  // it is being stopped already
  is_stopped_ = true;
  if (arguments_[0] == nullptr) return stop_ended(0);
  stop_process_ = start_command(stop_command_);
  if (stop_process_ < 0) {
    say(nullptr, 0, "cannot start the stop command: %s", ::strerror(errno));
    has_failed_ = true;
    return stop_ended(-1);
  }
  stop_pidfd_ = open_pidfd(stop_process_);
  is_stop_killed_ = false;
  stop_deadline_ = sum(boottime_nanoseconds(), stop_limit_);
}

void Guard::check_stop() {
  if (stop_process_ < 0) return;
  int status = 0;
  if (::waitpid(stop_process_, &status, WNOHANG) != stop_process_) return;
  const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  say(nullptr, 0, "the stop command ended with %d", exit_code);
  if (exit_code != 0) has_failed_ = true;
  stop_ended(exit_code);
}

void Guard::stop_ended(int exit_code) {
  if (stop_pidfd_ >= 0) ::close(stop_pidfd_);
  stop_process_ = stop_pidfd_ = -1;
  stop_deadline_ = forever;
  if (is_agent_dead_) return release_and_end();
  say(report_.text, sizeof report_.text, "the application was stopped by force because the agent stood still");
  report(ToAgent::service_stopped, exit_code);
}

void Guard::release_and_end() {
  is_over_ = true;
  if (has_failed_) return say(nullptr, 0, "not everything was given up for certain: the peer waits for its timeout");
  send_release(release_.message(), permit_.epoch);
}

int run_guard(int descriptor, const WatchdogCalls& watchdog) {
  static Guard guard{watchdog};
  return guard.run(descriptor);
}

}  // namespace clusteragent::fence
