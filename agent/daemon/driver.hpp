#pragma once
// Driver: turns the core round. Takes events, steps the core, hands its actions to the ports and keeps the one timer.
//
// Ownership: the agent's; the ports outlive it. Threads: the decision thread only. deliver() may be called from inside
// a port's method (a send that finds the peer gone): such events wait until the step under way is carried out.
#include <deque>
#include <functional>
#include <optional>

#include "agent/core/cluster.hpp"
#include "agent/core/dispatch.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::daemon {

class Driver {
 public:
  /// `drain` delivers the frames that have arrived, through deliver(); `stepped` runs after each batch of events.
  Driver(boost::asio::io_context& io, core::Cluster cluster, core::Ports ports, std::function<void()> drain,
         std::function<void()> stepped);

  void deliver(core::Event event);
  core::View view() const { return cluster_.view(); }
  /// Arms the timer for the first time.
  void start();

 private:
  void carry_on();
  void arm();
  void on_timer();

  boost::asio::steady_timer timer_;
  std::optional<Instant> armed_for_;
  core::Cluster cluster_;
  core::Ports ports_;
  std::function<void()> drain_;
  std::function<void()> stepped_;
  std::deque<core::Event> waiting_;
  core::ActionList actions_;
  bool is_stepping_ = false;
};

}  // namespace clusteragent::daemon
