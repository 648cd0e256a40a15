// The agent's last will: what its guard does when the agent is dead or stands still.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/log.hpp"
#include "agent/daemon/agent.hpp"
#include "agent/daemon/mapping.hpp"
#include "agent/fence/watchdog.hpp"
#include "agent/hooks/environment.hpp"
#include "agent/platform/clock.hpp"
#include "agent/vip/virtual_ip.hpp"

namespace clusteragent::daemon {
namespace {

using std::chrono::seconds;

// The kernel mutes a standing agent's addresses by itself; removing them too, and stopping the application, is for a
// stall that lasts. Before that the agent may come back and go on where it was.
constexpr Duration drop_after_min = seconds{1};
constexpr Duration stop_after_min = seconds{5};

std::vector<fence::ReleaseDatagram> release_datagrams(const transport::HeartbeatTransport& transport, Epoch epoch) {
  std::vector<fence::ReleaseDatagram> datagrams;
  const auto frames = transport.release_frames(epoch);
  for (std::size_t at = 0; at < frames.size(); ++at) {
    const transport::PathOptions& path = transport.options().paths[at];
    fence::ReleaseDatagram datagram;
    datagram.to = {boost::asio::ip::make_address(path.peer_address), path.port};
    std::transform(frames[at].begin(), frames[at].end(), std::back_inserter(datagram.bytes),
                   [](std::uint8_t byte) { return std::byte{byte}; });
    datagrams.push_back(std::move(datagram));
  }
  return datagrams;
}

std::vector<std::string> stop_environment(const hooks::Options& options) {
  std::vector<std::string> inherited;
  for (char** entry = environ; *entry != nullptr; ++entry) inherited.emplace_back(*entry);
  auto environment = hooks::module_environment(options, inherited);
  core::RunScript run;
  run.script = core::ScriptKind::stop_prim;
  run.force = true;
  run.from = core::ModuleState::prim;
  run.to = core::ModuleState::stop;
  run.action = "stop";
  for (auto& variable : hooks::run_environment(run, Epoch{})) environment.push_back(std::move(variable));
  return environment;
}

}  // namespace

Status Agent::open_guard() {
  fence::GuardOptions options;
  options.watchdog_device = setup_.config.heart.watchdog;
  options.watchdog_timeout = fence::watchdog_timeout(setup_.config.heart.timeout);
  if (!options.watchdog_device.empty()) {
    if (const Status usable = fence::check_watchdog(options.watchdog_device); !usable) return usable;
  }
  options.lock_path = setup_.paths.run_dir(setup_.module) + "/guard.lock";
  const std::string stop_script = setup_.paths.bin_dir(setup_.module) + "/stop_prim";
  if (setup_.config.user && scripts_->exists(core::ScriptKind::stop_prim)) {
    options.stop_command = {stop_script, "force", "PRIM", "STOP", "stop"};
    options.stop_environment = stop_environment(script_options(setup_, agent_binary_));
    options.stop_directory = setup_.paths.var_dir(setup_.module);
    options.stop_limit = setup_.config.user->force_limit;
  }
  const Duration timeout = setup_.config.heart.timeout;
  options.drop_after = kernel_permit_ ? std::max(timeout, drop_after_min) : Duration::zero();
  options.stop_after = std::max(timeout, stop_after_min);
  fence::GuardCallbacks callbacks;
  callbacks.on_vip_dropped = [this](const std::string& text) {
    log::critical("guard", "{}", text);
    for (const std::string& address : addresses_) deliver(core::VipLost{address});
  };
  callbacks.on_service_stopped = [this](int, const std::string& text) {
    deliver(
        core::ProcessFailed{setup_.module, core::FailureAction::restart, "the guard stopped the application: " + text});
  };
  callbacks.on_watchdog = [this](seconds granted, const std::string& text) { on_watchdog(granted, text); };
  callbacks.on_problem = [](const std::string& text) { log::critical("guard", "{}", text); };
  callbacks.on_lost = [this](const std::string& text, bool is_final) {
    log::critical("guard", "{}", text);
    if (is_final) warnings_.push_back("no guard watches over this agent: " + text);
  };
  auto spawned = fence::GuardLink::spawn(io_, std::move(options), std::move(callbacks));
  if (!spawned) {
    if (!setup_.config.heart.watchdog.empty()) return spawned.error();
    warnings_.push_back("no guard watches over this agent: " + spawned.error().message);
    log::critical("guard", "{}", warnings_.back());
    return success();
  }
  guard_ = std::move(*spawned);
  if (vip_) plan_guard(vip_->removal_plan());
  return success();
}

// Asked for and not to be had: at the start that is a refusal. Later an outage would cost more than it saves.
void Agent::on_watchdog(seconds timeout, const std::string& problem) {
  const bool is_first = watchdog_timeout_ == seconds{} && watchdog_problem_.empty();
  watchdog_timeout_ = timeout;
  watchdog_problem_ = problem;
  if (timeout > seconds{}) {
    return log::event("guard", "watchdog {}: the machine is reset {} s after the guard has stopped feeding it",
                      setup_.config.heart.watchdog, timeout.count());
  }
  log::critical("guard", "{}", problem);
  if (!is_first || resumed_) return;
  refusal_ = Error{ErrorCode::configuration,
                   fmt::format("{}: <heart watchdog=\"{}\">: {}. Free the device, name another one, or remove the "
                               "attribute; then start the agent again",
                               setup_.config.file, setup_.config.heart.watchdog, problem)};
  shut_down();
}

void Agent::add_watchdog_status(control::Json& status) const {
  const std::string& device = setup_.config.heart.watchdog;
  if (device.empty()) return;
  status["watchdog"] = {{"device", device}, {"timeout_s", watchdog_timeout_.count()}, {"problem", watchdog_problem_}};
  if (!watchdog_problem_.empty()) {
    status["warnings"].push_back("no watchdog resets this machine when its guard is frozen: " + watchdog_problem_);
  }
}

void Agent::plan_guard(std::vector<platform::KernelMessage> removal) {
  if (!guard_) return;
  if (kernel_permit_) removal.insert(removal.begin(), kernel_permit_->mute_message());
  guard_->set_plan(std::move(removal));
}

void Agent::tell_guard(const core::View& view) {
  if (!guard_) return;
  if (view.holds_vip && view.record.epoch != released_epoch_) {
    released_epoch_ = view.record.epoch;
    guard_->set_release(released_epoch_, release_datagrams(*transport_, released_epoch_));
  }
  // Without a permit, while it lets go: every word says that the agent lives. From the last one on the guard counts.
  const bool has_something = view.holds_vip || view.runs_service;
  const Instant alive_at = has_something ? platform::boottime_now() : Instant{};
  guard_->update({view.record.epoch, permit_.enforced().value_or(alive_at), view.holds_vip, view.runs_service});
}

void Agent::end_guard() {
  if (guard_) guard_->say_goodbye();
}

}  // namespace clusteragent::daemon
