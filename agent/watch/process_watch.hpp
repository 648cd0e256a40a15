#pragma once
// ProcessWatch: SafeKit's errd.
//
// Purpose: tells the core when a watched process or service is missing or too many of it run. What was found once is
// watched by pidfd, so its death is known at once. The processes of the machine are gone through only when a class is
// armed and once a polltimer; a death subtracts, and only if then too few are left the place where a successor would be
// is looked at (children of the same parent, same cgroup; bounded), so that a server that replaces itself is no
// failure. A service is asked of systemd with `systemctl show`; its main process is watched by pidfd as well. Zombies
// do not count as running. What could not be found out (no systemd, a look that hangs) is no failure: it is reported as
// unknown and logged once. Threads: all methods on the decision thread; looking happens on the scanner's thread,
// commands where run_command runs them. Ownership: the io_context outlives it. Errors: a wrong rule is refused by
// create. Source of the rules: SafeKit guide 13.10; judge.hpp says when a count is a failure.
#include <memory>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"
#include "agent/watch/options.hpp"

namespace clusteragent::watch {

class ProcessWatch final : public core::WatchPort {
 public:
  static Result<std::unique_ptr<ProcessWatch>> create(boost::asio::io_context& context, Options options,
                                                      core::EventSink sink);
  ~ProcessWatch() override;

  void arm(core::WatchClass watch_class) override;
  void disarm(core::WatchClass watch_class) override;
  std::vector<ProcReport> report() const;

 private:
  struct Impl;
  explicit ProcessWatch(std::shared_ptr<Impl> impl);
  // Shared with the handlers under way, which hold it weakly: what completes after the end finds nobody.
  std::shared_ptr<Impl> impl_;
};

}  // namespace clusteragent::watch
