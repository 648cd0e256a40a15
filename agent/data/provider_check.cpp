// An engine that hangs, or whose disk does, keeps the application waiting and says nothing: it is asked now and then,
// and ended when no answer comes. What follows is the same as for one that died.
#include <fmt/format.h>

#include <csignal>

#include "agent/base/log.hpp"
#include "agent/data/provider_impl.hpp"

namespace clusteragent::data {
namespace {

// A process that is killed ends within that, unless the disk holds one of its threads.
constexpr std::chrono::seconds death_limit{10};
// An agent that stood still itself (a machine that was frozen) first hears what has come meanwhile.
constexpr std::chrono::seconds grace{1};

}  // namespace

void EngineProvider::Impl::check_later() {
  if (is_closed || program.check_pause <= Duration::zero()) return;
  check.expires_after(program.check_pause);
  check.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->is_closed) self->check_now();
  });
}

void EngineProvider::Impl::check_now() {
  // What it was told to do may take its time, and has limits of its own.
  if (!is_engaged || !socket.is_open() || !owed.empty() || succession.is_under_way()) return check_later();
  const std::uint64_t number = next_asked++;
  asked.emplace(number, [this](const Status& answer) {
    if (!answer && socket.is_open()) return hangs(answer.error().message);
    check_later();
  });
  send({{"do", "check"}, {"token", number}, {"limit_ns", program.check_limit.count()}});
  wait_for_check(number, false);
}

void EngineProvider::Impl::wait_for_check(std::uint64_t number, bool is_grace) {
  check.expires_after(is_grace ? grace : program.check_limit);
  check.async_wait([self = shared_from_this(), number, is_grace](const boost::system::error_code& error) {
    if (error || self->is_closed || !self->asked.contains(number)) return;
    if (!self->owed.empty()) return self->wait_for_check(number, false);
    if (!is_grace) return self->wait_for_check(number, true);
    self->asked.erase(number);
    self->hangs(fmt::format("no answer within {} s", to_milliseconds(self->program.check_limit) / 1000));
  });
}

void EngineProvider::Impl::hangs(const std::string& how) {
  log::critical(program.component, "the replication engine hangs ({}) and is ended", how);
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
