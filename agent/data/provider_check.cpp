// An engine that hangs, or whose disk does, keeps the application waiting and says nothing: it is asked now and then,
// and ended when no answer comes. What follows is the same as for one that died.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "agent/base/log.hpp"
#include "agent/data/provider_impl.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::data {
namespace {

// A process that is killed ends within that, unless the disk holds one of its threads.
constexpr std::chrono::seconds death_limit{10};
// An agent that stood still itself (a machine that was frozen) first hears what has come meanwhile.
constexpr std::chrono::seconds grace{1};
// One that hangs again by then would hang for ever, and the application with it.
constexpr std::chrono::hours hang_memory{1};

}  // namespace

void EngineProvider::Impl::check_later() {
  if (is_closed || program.check_pause <= Duration::zero()) return;
  check.expires_after(program.check_pause);
  check.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->is_closed) self->check_now();
  });
}

void EngineProvider::Impl::check_now() {
  // What it was told to do has a limit of its own.
  if (!is_engaged || !socket.is_open() || !owed.empty() || succession.is_under_way()) return check_later();
  const std::uint64_t number = next_asked++;
  asked.emplace(number, [this](const Status& answer) {
    if (!answer && socket.is_open()) return hangs(answer.error().message, true);
    check_later();
  });
  send(
      {{"do", "check"}, {"token", number}, {"limit_ns", std::max(program.check_limit, program.request_limit).count()}});
  wait_for_check(number, false);
}

void EngineProvider::Impl::wait_for_check(std::uint64_t number, bool is_grace) {
  check.expires_after(is_grace ? grace : program.check_limit);
  check.async_wait([self = shared_from_this(), number, is_grace](const boost::system::error_code& error) {
    if (error || self->is_closed || !self->asked.contains(number)) return;
    if (!self->owed.empty()) return self->wait_for_check(number, false);
    if (!is_grace) return self->wait_for_check(number, true);
    self->asked.erase(number);
    self->hangs(fmt::format("no answer within {} s", to_milliseconds(self->program.check_limit) / 1000), false);
  });
}

void EngineProvider::Impl::wait_for_orders(bool is_grace) {
  if (program.order_limit <= Duration::zero()) return;
  order_end.expires_after(is_grace ? grace : program.order_limit);
  order_end.async_wait([self = shared_from_this(), is_grace](const boost::system::error_code& error) {
    if (error || self->is_closed || self->owed.empty() || !self->socket.is_open()) return;
    if (!is_grace) return self->wait_for_orders(true);
    self->hangs(fmt::format("what it was told to do is not done within {} s",
                            to_milliseconds(self->program.order_limit) / 1000),
                false);
  });
}

void EngineProvider::Impl::hangs(const std::string& how, bool is_of_request) {
  log::critical(program.component, "the replication engine hangs ({}) and is ended", how);
  const Instant now = platform::boottime_now();
  const bool is_again = hung_at && now - *hung_at < hang_memory;
  hung_at = now;
  // The kernel asks the next one for the same once more.
  if (is_of_request || is_again) succession.set_leading(std::nullopt);
  end_by_force();
}

void EngineProvider::Impl::end_by_force() {
  ::kill(process, SIGKILL);
  check.expires_after(death_limit);
  check.async_wait([self = shared_from_this(), hung = process](const boost::system::error_code& error) {
    if (error || self->is_closed) return;
    if (self->process == hung && self->socket.is_open()) {
      log::critical(self->program.component,
                    "the hanging engine does not end: the disk of this node does not answer (dmesg may say why); "
                    "this node can serve again when the disk answers, or after a reboot");
      // The next one could not begin before it is gone.
      self->succession.set_leading(std::nullopt);
      self->lost();
    }
    self->check_later();
  });
}

}  // namespace clusteragent::data
