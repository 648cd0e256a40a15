#include "agent/vip/worker.hpp"

#include <fmt/format.h>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/platform/linux/thread.hpp"
#include "agent/vip/connection_end.hpp"

namespace clusteragent::vip {
namespace {

namespace asio = boost::asio;
using platform::boottime_now;
using platform::errno_text;

// The core sets the permit in the same step as it asks for the address; later than this it has changed its mind.
constexpr std::chrono::milliseconds permit_wait_max{1000};
// Thousands of connections; what is not ended by then is left to its clients, because the address has to go.
constexpr std::chrono::milliseconds connections_end_max{50};

std::vector<IpAddress> addresses_of(const Options& options) {
  std::vector<IpAddress> addresses;
  for (const VirtualAddress& one : options.addresses) addresses.push_back(one.address);
  return addresses;
}

}  // namespace

Worker::Worker(const Options& options, Board& board, Reports reports)
    : options_{options},
      board_{board},
      reports_{std::move(reports)},
      keep_running_{asio::make_work_guard(io_)},
      resets_{io_, addresses_of(options_)},
      permit_timer_{io_},
      burst_timer_{io_},
      repeat_timer_{io_},
      probe_timer_{io_} {
  for (const VirtualAddress& address : options_.addresses) bindings_.push_back(Binding{.wanted = address});
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  io_.stop();
  thread_.join();
}

void Worker::start() {
  watch_kernel();
  for (const auto& [link, tap] : taps_) watch_tap(link);
  probe_step();
  thread_ = platform::start_worker_thread("vip", [this] { io_.run(); });
}

void Worker::request_acquire(Token token) {
  asio::post(io_, [this, token] {
    acquiring_.push_back(token);
    acquire();
  });
}

void Worker::request_release(Token token) {
  asio::post(io_, [this, token] { release(token); });
}

void Worker::request_announcement() {
  asio::post(io_, [this] { start_burst(0); });
}

void Worker::request_word(const core::LanWord& word) {
  asio::post(io_, [this, word] { say(word); });
}

void Worker::request_refresh() {
  asio::post(io_, [this] { refresh(); });
}

std::future<bool> Worker::request_leave_behind(std::chrono::seconds lifetime) {
  auto task = std::make_shared<std::packaged_task<bool()>>([this, lifetime] { return leave_behind(lifetime); });
  std::future<bool> done = task->get_future();
  asio::post(io_, [task] { (*task)(); });
  return done;
}

void Worker::request_resume() {
  asio::post(io_, [this] {
    if (!acquiring_.empty()) acquire();
    if (announcement_waits_) start_burst(0);
  });
}

bool Worker::may_speak() const {
  return boottime_now().nanoseconds() < board_.permit_until.load();
}

/// Asks to be resumed when there is no permit. The flag is set before the permit is read again, and the decision thread
/// writes the permit before it reads the flag: one of the two sees the other.
bool Worker::must_wait_for_permit() {
  if (may_speak()) return false;
  board_.waits_for_permit = true;
  return !may_speak();
}

void Worker::acquire() {
  resets_.stop();
  if (must_wait_for_permit()) {
    permit_timer_.expires_after(permit_wait_max);
    permit_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) finish_acquire(core::Outcome::failure, "no permit is live: the virtual IP stays away");
    });
    return;
  }
  permit_timer_.cancel();
  std::string problems;
  bool is_announced = true;
  for (Binding& binding : bindings_) {
    const std::string problem = set(binding);
    if (!problem.empty()) {
      problems += (problems.empty() ? "" : "; ") + problem;
      continue;
    }
    // At once, address by address: what follows does not delay the first client.
    is_announced = is_announced && may_speak();
    if (is_announced) announce(binding);
  }
  {
    const std::lock_guard lock{board_.mutex};
    board_.owner.reset();
  }
  is_held_ = problems.empty();
  if (!is_held_) {
    // Half a set of addresses serves nobody and would be refreshed by nobody.
    for (Binding& binding : bindings_) remove(binding);
    finish_acquire(core::Outcome::failure, problems);
    return;
  }
  finish_acquire(core::Outcome::success, "");
  start_burst(is_announced ? 1 : 0);
}

void Worker::finish_acquire(core::Outcome outcome, const std::string& detail) {
  for (const Token token : acquiring_) reports_.event(core::ActionFinished{token, outcome, detail});
  acquiring_.clear();
}

std::string Worker::set(Binding& binding) {
  const IpAddress& address = binding.wanted.address;
  if (!binding.place) {
    return binding.wanted.interface.empty()
               ? fmt::format("no interface has an address in the network of the virtual IP {}; name the interface",
                             address.to_string())
               : fmt::format("interface {} of the virtual IP {} does not exist", binding.wanted.interface,
                             address.to_string());
  }
  const int code = put_address(*route_, *binding.place, address, options_.lifetime);
  if (code != 0) return fmt::format("cannot set the virtual IP {}: {}", address.to_string(), errno_text(code));
  table_.remember({binding.place->link, address, binding.place->prefix});
  binding.is_set = true;
  binding.refreshed = boottime_now();
  return "";
}

std::string Worker::remove(Binding& binding) {
  binding.is_set = false;
  if (!binding.place) return "";
  const int code = remove_address(*route_, {binding.place->link, binding.wanted.address, binding.place->prefix});
  if (code == 0 || was_absent(code)) return "";
  return fmt::format("cannot remove the virtual IP {}: {}", binding.wanted.address.to_string(), errno_text(code));
}

std::string Worker::remove_everywhere(const Binding& binding) {
  for (const AddressEntry& entry : table_.entries_of(binding.wanted.address)) {
    const int code = remove_address(*route_, entry);
    if (code != 0 && !was_absent(code)) {
      return fmt::format("cannot remove the virtual IP {}: {}", entry.address.to_string(), errno_text(code));
    }
  }
  return "";
}

void Worker::release(Token token) {
  is_held_ = false;
  announcement_waits_ = false;
  burst_timer_.cancel();
  repeat_timer_.cancel();
  permit_timer_.cancel();
  finish_acquire(core::Outcome::failure, "given up before it was set: the virtual IP was released");
  const bool has_late_segments = listen_for_late_segments();
  if (has_late_segments) end_connections();
  std::string problems;
  for (Binding& binding : bindings_) {
    std::string problem = remove(binding);
    if (problem.empty()) problem = remove_everywhere(binding);
    if (!problem.empty()) problems += (problems.empty() ? "" : "; ") + problem;
  }
  if (has_late_segments && problems.empty()) resets_.answer();
  reports_.event(
      core::ActionFinished{token, problems.empty() ? core::Outcome::success : core::Outcome::failure, problems});
}

/// Where this node had the address and nobody else claims it: clients hold on to it until the next owner announces it.
bool Worker::listen_for_late_segments() {
  {
    const std::lock_guard lock{board_.mutex};
    if (board_.owner && boottime_now() - board_.owner->seen < reset_span) return false;
  }
  bool is_any = false;
  for (const Binding& binding : bindings_) {
    const Link* link = binding.is_set && binding.place ? table_.find(binding.place->link) : nullptr;
    if (link == nullptr || !link->mac) continue;
    resets_.listen(link->index, link->name);
    is_any = true;
  }
  return is_any;
}

void Worker::end_connections() {
  if (!diag_) return;
  const auto count = vip::end_connections(*diag_, addresses_of(options_), connections_end_max);
  if (count > 0) log::info("vip", "{} connection(s) of the virtual IP ended by RST before it goes", count);
}

void Worker::refresh() {
  if (!is_held_ || !may_speak()) return;
  for (Binding& binding : bindings_) {
    // After a freeze longer than its life the address is gone, and with it the right to set it again unasked: the core
    // hears of the loss and decides.
    if (!binding.is_set || !binding.place || boottime_now() - binding.refreshed >= options_.lifetime) continue;
    const int code = put_address(*route_, *binding.place, binding.wanted.address, options_.lifetime);
    if (code == 0) {
      binding.refreshed = boottime_now();
    } else {
      log::critical("vip", "cannot refresh the virtual IP {}: {}; the kernel removes it soon",
                    binding.wanted.address.to_string(), errno_text(code));
    }
  }
}

bool Worker::leave_behind(std::chrono::seconds lifetime) {
  is_held_ = false;  // nothing is refreshed or announced any more
  burst_timer_.cancel();
  repeat_timer_.cancel();
  bool is_done = true;
  for (const Binding& binding : bindings_) {
    if (!binding.is_set || !binding.place) continue;
    const int code = put_address(*route_, *binding.place, binding.wanted.address, lifetime);
    if (code == 0) continue;
    is_done = false;
    log::critical("vip", "cannot leave the virtual IP {} to the next life: {}", binding.wanted.address.to_string(),
                  errno_text(code));
  }
  return is_done;
}

}  // namespace clusteragent::vip
