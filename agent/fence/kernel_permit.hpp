#pragma once
// KernelPermit: the permit as an nftables set element with a timeout, so that the kernel mutes the virtual addresses at
// the permit's end whatever has become of this process.
//
// Ownership: the daemon owns it. Destroying it leaves the rules in place, muting: only remove() takes them away, and a
// clean stop calls that once no address is left.
// Threads: set and revoke are called on the decision thread and only leave a note; a thread of its own carries it out,
// because a transaction may wait for the kernel's nfnl lock. Only the newest note counts, so nothing piles up.
// Time: an element never outlives `until`; it may end up to two timer ticks (8 ms at HZ=250) before it.
// Errors: open() fails where nftables is missing or forbidden; the daemon then goes on with the guard and the address
// lifetime. A later refusal is logged, and the rules are made anew where somebody flushed them.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/fence/nft_ruleset.hpp"
#include "agent/platform/linux/netlink.hpp"

namespace clusteragent::fence {

struct PermitStatistics {
  std::uint64_t transactions = 0;
  std::uint64_t refusals = 0;
  Duration longest{};  // of one transaction
  Duration total{};
};

class KernelPermit final : public core::PermitPort {
 public:
  /// Makes the rules for this module; the addresses are mute from here on, or live until `until` and no longer,
  /// whatever a former life of the agent asked for.
  static Result<std::unique_ptr<KernelPermit>> open(const std::string& module, const Addresses& addresses,
                                                    std::optional<Instant> until = {});
  ~KernelPermit() override;
  KernelPermit(const KernelPermit&) = delete;
  KernelPermit& operator=(const KernelPermit&) = delete;

  void set(const core::SetPermit& action) override;
  void revoke() override;
  /// Called from now on, on the thread of the transactions, after each that was to let the addresses speak, refused or
  /// not. Before the first set().
  void tell_after_each(std::function<void()> told) { told_ = std::move(told); }

  /// Waits until every note so far is carried out; for a clean stop and for tests.
  void settle();
  /// The same for at most so long; false: the kernel has not taken the newest note, or refused it.
  bool settle_within(Duration limit);
  /// Ends the thread and takes the rules away: the addresses are ordinary again.
  Status remove();

  /// What a process that outlives this one sends to mute the addresses at once.
  platform::KernelMessage mute_message() const;
  PermitStatistics statistics() const;
  /// For `clusteragent doctor` and the log: what holds when this process is killed or stopped.
  std::string describe_margin() const;

 private:
  KernelPermit(std::string table, Addresses addresses, platform::NetlinkSocket socket);
  void post(Instant until);
  void work();
  int carry_out(Instant until);
  void note_result(int code, Duration spent);
  void stop();

  const std::string table_;
  const Addresses addresses_;
  platform::NetlinkSocket socket_;  // the thread's, once it runs
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Instant> wanted_;  // the newest note; an instant that is over means none
  bool is_working_ = false;
  bool is_stopping_ = false;
  bool is_refused_ = false;  // the last transaction was
  PermitStatistics statistics_;
  std::function<void()> told_;
  std::thread thread_;
};

/// The same text where open() failed with `why`.
std::string describe_margin_without_nftables(const Error& why, std::chrono::seconds address_lifetime);

}  // namespace clusteragent::fence
