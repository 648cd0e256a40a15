#pragma once
// GuardLink: the agent's end of the guard (guard.hpp): starts the process, tells it what to do when the agent no longer
// can, hears from it, and starts it again when it dies.
//
// Ownership: the daemon owns it; the io_context must outlive it. Destroying it without say_goodbye() looks to the guard
// like the agent's death, which is what it is when nobody said goodbye.
// Threads: the decision thread only; no method waits. What cannot be sent at once is sent when the guard reads again,
// newest state only, so nothing piles up. Callbacks come from the io_context, never from inside a method.
// Errors: spawn() fails where the executable is missing or cannot be started; later deaths of the guard are reported
// and mended, a bounded number of times.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/platform/asio.hpp"
#include "agent/platform/linux/netlink.hpp"

namespace clusteragent::fence {

struct GuardOptions {
  std::string executable;  // empty: find_guard_executable()
  // One guard a module at a time: a new one is armed only when the former has finished its work. Empty: no such lock.
  std::string lock_path;
  // Run when the application may be running and nobody is left to stop it: `stop_prim force` by absolute path. Empty:
  // there is nothing to stop.
  std::vector<std::string> stop_command;
  std::vector<std::string> stop_environment;  // NAME=value, complete
  std::string stop_directory;
  Duration stop_limit = std::chrono::seconds{300};  // afterwards its process group is killed
  // How long after the permit's end the guard removes the addresses of an agent that stands still. The kernel's own
  // expiry has muted them by then, where there is nftables.
  Duration drop_after{};
  Duration stop_after = Duration::max();    // and stops the application; max: never
  std::string watchdog_device;              // opened and fed by the guard; empty: none
  std::chrono::seconds watchdog_timeout{};  // at least; the driver may make it longer
};

/// Sent as it is to the peer when the agent is dead and all is given up: signed by the agent beforehand.
struct ReleaseDatagram {
  boost::asio::ip::udp::endpoint to;
  std::vector<std::byte> bytes;
};

/// Under this name a next life keeps the file from being taken as left alone, until its own guard knows everything.
inline constexpr const char* handover_taken_suffix = ".taken";

struct GuardState {
  Epoch epoch;
  Instant until;           // of the permit
  bool holds_vip = false;  // the addresses may be set here
  bool service_may_run = false;
  friend bool operator==(const GuardState&, const GuardState&) = default;
};

struct GuardCallbacks {
  std::function<void()> on_armed;
  /// The permit was overdue: the addresses are removed from the kernel.
  std::function<void(const std::string& text)> on_vip_dropped;
  /// It was overdue for long: the application was stopped by force.
  std::function<void(int exit_code, const std::string& text)> on_service_stopped;
  std::function<void(const std::string& text)> on_problem;
  /// With a watchdog device, from each new guard. 0: it is not fed, and the text says why.
  std::function<void(std::chrono::seconds timeout, const std::string& text)> on_watchdog;
  /// `is_final`: it is not started again; from here on nobody watches over the agent.
  std::function<void(const std::string& text, bool is_final)> on_lost;
};

class GuardLink {
 public:
  static Result<std::unique_ptr<GuardLink>> spawn(boost::asio::io_context& io, GuardOptions options,
                                                  GuardCallbacks callbacks);
  ~GuardLink();
  GuardLink(const GuardLink&) = delete;
  GuardLink& operator=(const GuardLink&) = delete;

  /// Messages to the kernel, in order: mute first, then remove the addresses.
  void set_plan(std::vector<platform::KernelMessage> plan);
  /// For one tenure; empty datagrams: nothing is said to the peer.
  void set_release(Epoch epoch, std::vector<ReleaseDatagram> datagrams);
  /// At every renewal, and at every change.
  void update(const GuardState& state);
  /// Whoever removes the file at `path` (or at that name with handover_taken_suffix) decides: a next life of the agent,
  /// then this guard ends quietly; or the guard at `until`, which then acts as on the agent's death. False: it could
  /// not be told.
  bool hand_over(Instant until, const std::string& path);
  /// The guard ends quietly and does nothing.
  void say_goodbye();

  bool is_armed() const;
  int process() const;  // of the guard; for `status`

 private:
  struct Impl;
  explicit GuardLink(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// Beside the running program, in its build tree, or where it is installed.
Result<std::string> find_guard_executable();

}  // namespace clusteragent::fence
