#pragma once
// ServiceGroup: everything that a module's start scripts left running, so that a stop can be held to its word.
//
// Two ways to know the members:
//   cgroup v2  each class (prim, second, sec, both) has a cgroup of its own below Options::service_cgroup, which its
//              start script joins. Nothing leaves it by forking, setsid or a new environment, and cgroup.kill ends it
//              whole. Under systemd the unit needs Delegate=yes and must not set ProtectControlGroups=yes.
//   marker     without a writable cgroup v2 the start script carries CLUSTERAGENT_SERVICE=... and its descendants are
//              those whose /proc/PID/environ has the same entry. It survives daemonising and a restart of the agent; a
//              program that clears its environment escapes (service(8) of sysvinit does). Being a child subreaper
//              instead would make the agent the parent of foreign processes that it has to wait for, in competition
//              with every part that has children of its own, and would forget everything at a restart.
// What the service manager starts is in neither: stopping it is the stop script's business.
// A process is signalled through a pidfd that was opened before its membership was confirmed, so a number that was
// given to somebody else in between is never hit. Threads: any, stateless. Blocks: reads /proc or the cgroup file
// system.
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/hooks/fd.hpp"
#include "agent/hooks/options.hpp"

namespace clusteragent::hooks {

class ServiceGroup {
 public:
  enum class Means { wait, terminate, kill };

  explicit ServiceGroup(const Options& options);

  /// The cgroup that holds the classes': Options::service_cgroup and a tail of node and root, so that two nodes which
  /// try the cluster out on one machine never touch each other's service. Empty: the marker is used.
  const std::string& cgroup() const { return cgroup_; }

  /// cgroup.procs of the class, made when missing; invalid where there is no cgroup to be had.
  Fd join(std::string_view service_class) const;
  std::vector<int> members(std::string_view service_class) const;
  /// Until no member is left or `until` has come or `cancel` (a descriptor) becomes readable. `terminate` sends SIGTERM
  /// to all of them once, `kill` sends SIGKILL until none is left. Returns who is left.
  std::vector<int> settle(std::string_view service_class, Means means, Instant until, int cancel) const;
  /// Takes away the empty cgroups. A populated one stays.
  void remove_empty() const;

 private:
  std::string cgroup_of(std::string_view service_class) const;
  bool has_cgroup(std::string_view service_class) const;
  bool is_member(int pid, std::string_view service_class) const;
  void signal(const std::vector<int>& pids, std::string_view service_class, int number) const;

  Options options_;
  std::string cgroup_;
};

/// Where this process may keep its service's cgroups: `clusteragent-<label>` below its own cgroup of the v2 hierarchy.
/// `label` is the module's name. Fails with the reason when there is no v2 hierarchy or it cannot be written.
Result<std::string> default_service_cgroup(std::string_view label);

/// "mariadbd (4711), sh (4712) and 3 more": for the log.
std::string describe_processes(const std::vector<int>& pids);

}  // namespace clusteragent::hooks
