#pragma once
// One permit for all who enforce it: the kernel's own timeout, the address refresh, the guard.
//
// Each renewal is a transaction of the kernel and wakes the guard, so one that gains little is left out: what is
// enforced ends up to a quarter of the remaining time before what was permitted, never after it.
// Threads: the decision thread only.
#include <functional>
#include <optional>
#include <vector>

#include "agent/core/ports.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {

class PermitFan : public core::PermitPort {
 public:
  struct Branch {
    std::function<void(const core::SetPermit&)> set;
    std::function<void()> revoke;
  };
  void add(Branch branch) { branches_.push_back(std::move(branch)); }

  void set(const core::SetPermit& permit) override {
    const Instant now = platform::boottime_now();
    if (enforced_ && permit.until >= *enforced_ && permit.until - *enforced_ < (*enforced_ - now) / worthwhile_part) {
      return;
    }
    enforced_ = permit.until;
    for (const Branch& branch : branches_) branch.set(permit);
  }
  void revoke() override {
    enforced_.reset();
    for (const Branch& branch : branches_) branch.revoke();
  }
  /// Until when the virtual addresses are answered for unless renewed; nullopt: they are not.
  std::optional<Instant> enforced() const { return enforced_; }

 private:
  static constexpr int worthwhile_part = 4;
  std::vector<Branch> branches_;
  std::optional<Instant> enforced_;
};

}  // namespace clusteragent::daemon
