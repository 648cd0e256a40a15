// From one life of the agent to the next: what the end leaves and the start takes up.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "agent/base/log.hpp"
#include "agent/daemon/agent.hpp"
#include "agent/daemon/handover_file.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The kernel answers within microseconds unless somebody holds its locks; the permit lives for seconds.
constexpr Duration kernel_limit = milliseconds{500};
// The answer to whoever asked is written before the process ends.
constexpr milliseconds last_words{50};
// The control socket numbers its requests from 1.
constexpr RequestId parting_request{~std::uint64_t{0}};

}  // namespace

std::string Agent::handover_path() const {
  return setup_.paths.run_dir(setup_.module) + "/handover";
}

std::string Agent::configured_addresses() const {
  std::string text;
  for (const config::InterfaceConfig& interface : setup_.config.interfaces) {
    for (const auto& one : interface.addresses) text += one.address.text() + "@" + interface.name + ",";
  }
  return text.empty() ? "none" : text;
}

void Agent::take_over_from_former_life() {
  const Instant now = platform::boottime_now();
  const auto left = take_handover(handover_path(), now);
  const auto refuse = [](const std::string& why) {
    log::critical("heart", "what the former life of this agent left is of no use, starting afresh: {}", why);
  };
  if (!left) return refuse(left.error().message);
  if (!*left) return;
  if ((*left)->addresses != configured_addresses()) return refuse("the virtual addresses have changed");
  if (!core::may_resume((*left)->handover, setup_.durable, setup_.self)) {
    return refuse("the state file tells another story");
  }
  resumed_ = (*left)->handover;
  // The former life's long permit ends here: the other node will hear this life and then wait for a timeout, no longer.
  resumed_->until = std::min(resumed_->until, now + core::first_permit(setup_.config.heart.timeout));
}

Status Agent::settle_former_life() {
  if (!resumed_) {
    discard_handover(handover_path());
    return success();
  }
  if (resumed_->holds_vip) permit_.set({resumed_->epoch, resumed_->until});
  tell_guard(driver_->view());
  if (finish_handover(handover_path())) return success();
  return Error{ErrorCode::system, "the guard of the former life has let go just now; start the agent again"};
}

void Agent::hand_over(const core::HandOver& wanted) {
  const auto finish = [this, token = wanted.token](core::Outcome outcome, std::string detail) {
    boost::asio::post(io_, [this, token, outcome, detail = std::move(detail)] {
      deliver(core::ActionFinished{token, outcome, detail});
      if (outcome == core::Outcome::success) end_after_handover();
    });
  };
  const auto fail = [&](std::string why) {
    discard_handover(handover_path());
    finish(core::Outcome::failure, std::move(why));
  };
  const core::Handover& left = wanted.left;
  if (left.holds_vip && !guard_) return fail("no guard watches over the virtual IP while the agent is away");
  if (const Status kept = leave_handover(handover_path(), {left, configured_addresses()}); !kept) {
    return fail(kept.error().message);
  }
  if (kernel_permit_ && left.holds_vip && !kernel_permit_->settle_within(kernel_limit)) {
    return fail("the kernel has not taken the permit");
  }
  tell_guard(driver_->view());
  if (guard_ && !guard_->hand_over(left.until, handover_path())) return fail("the guard does not listen");
  const auto lifetime = std::chrono::ceil<seconds>(left.until - platform::boottime_now()) + seconds{1};
  if (vip_ && left.holds_vip && !vip_->leave_behind(lifetime, kernel_limit)) {
    guard_->hand_over(Instant{}, {});
    for (const std::string& address : addresses_) deliver(core::VipLost{address});  // set again, and refreshed
    return fail("the kernel has not taken the virtual IP's lifetime");
  }
  finish(core::Outcome::success, {});
}

// In maintenance the end of the agent is not the end of the service. Asked once: a second signal stops the module.
bool Agent::hands_over_in_maintenance() {
  const bool is_settled = driver_->view().activity == core::Activity::ready;
  if (has_asked_to_part_ || !driver_->view().maintenance_until || !is_settled) return false;
  has_asked_to_part_ = true;
  parting_ = parting_request;
  core::OperatorRequest request;
  request.request = parting_request;
  request.verb = core::Verb::hand_over;
  request.asked_by = "SYSTEM (the agent is told to end in maintenance)";
  deliver(request);
  return true;
}

void Agent::add_maintenance_status(control::Json& status, const core::View& view, Instant now) const {
  if (view.peer.away_until) {
    const auto left = std::max<std::int64_t>(to_milliseconds(*view.peer.away_until - now), 0);
    status["seen_of_peer"]["restarting_left_ms"] = left;
    status["warnings"].push_back(
        fmt::format("the agent of {} is being restarted and has {} s left; its silence moves "
                    "nothing",
                    setup_.peer_name(), (left + 999) / 1000));
  }
  if (!view.maintenance_until) return;
  const auto left = std::chrono::ceil<seconds>(*view.maintenance_until - now);
  const std::time_t ends = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + left);
  std::tm local{};
  ::localtime_r(&ends, &local);
  const std::string until = fmt::format("{:02}:{:02}", local.tm_hour, local.tm_min);
  const std::string said_on = view.maintenance_said_on == setup_.self ? setup_.node_name() : setup_.peer_name();
  status["maintenance"] = {{"left_s", left.count()},
                           {"until", until},
                           {"said_on", said_on},
                           {"agreed", view.is_maintenance_agreed},
                           {"left_alone", view.left_alone}};
  status["warnings"].push_back(fmt::format("maintenance until {} ({} min left), said on {}: nothing moves by itself{}",
                                           until, (left.count() + 59) / 60, said_on,
                                           view.is_maintenance_agreed ? "" : "; the other node has not confirmed it"));
  if (!view.left_alone.empty()) status["warnings"].push_back("nothing is done about: " + view.left_alone);
  if (view.state == core::ModuleState::second && view.peer.is_silent) {
    status["warnings"].push_back(
        fmt::format("{0} is not heard and maintenance is on, so this node does not take over; clusteragent maintenance "
                    "off lets it, "
                    "unless {0} announced a restart; clusteragent prim --force does, if {0} is off for sure",
                    setup_.peer_name()));
  }
}

void Agent::end_after_handover() {
  is_handed_over_ = true;
  service_manager_.stopping();
  tick_.expires_after(last_words);
  tick_.async_wait([this](const boost::system::error_code&) { io_.stop(); });
}

}  // namespace clusteragent::daemon
