#include "agent/daemon/driver.hpp"

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {
namespace {

// Events that one step of a port can cause at once: a refusal a path. More is a loop between a port and the core.
constexpr std::size_t waiting_max = 4096;

}  // namespace

Driver::Driver(boost::asio::io_context& io, core::Cluster cluster, core::Ports ports, std::function<void()> drain,
               std::function<void()> stepped)
    : timer_{io}, cluster_{std::move(cluster)}, ports_{ports}, drain_{std::move(drain)}, stepped_{std::move(stepped)} {}

void Driver::start() {
  arm();
}

void Driver::deliver(core::Event event) {
  waiting_.push_back(std::move(event));
  CLUSTERAGENT_ASSERT(waiting_.size() <= waiting_max);
  if (!is_stepping_) carry_on();
}

void Driver::carry_on() {
  is_stepping_ = true;
  while (!waiting_.empty()) {
    const core::Event event = std::move(waiting_.front());
    waiting_.pop_front();
    actions_.clear();
    cluster_.step(platform::boottime_now(), event, actions_);
    for (const core::Action& action : actions_) core::dispatch(action, ports_);
  }
  is_stepping_ = false;
  stepped_();
  arm();
}

// A deadline that moved out is met when the timer fires for the old one: each heartbeat of the peer moves one, and
// setting a timer costs as much as the step itself.
void Driver::arm() {
  const auto deadline = cluster_.next_deadline();
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
  armed_for_ = deadline;
  timer_.expires_after(std::max(*deadline - platform::boottime_now(), Duration::zero()));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_timer();
  });
}

void Driver::on_timer() {
  armed_for_.reset();
  const auto deadline = cluster_.next_deadline();
  if (!deadline || *deadline > platform::boottime_now()) return arm();
  drain_();
  deliver(core::DeadlineReached{});
}

}  // namespace clusteragent::daemon
