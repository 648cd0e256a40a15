#pragma once
// One permit for all who enforce it: the kernel's own timeout, the address refresh, the guard.
#include <functional>
#include <vector>

#include "agent/core/ports.hpp"

namespace clusteragent::daemon {

class PermitFan : public core::PermitPort {
 public:
  struct Branch {
    std::function<void(const core::SetPermit&)> set;
    std::function<void()> revoke;
  };
  void add(Branch branch) { branches_.push_back(std::move(branch)); }

  void set(const core::SetPermit& permit) override {
    for (const Branch& branch : branches_) branch.set(permit);
  }
  void revoke() override {
    for (const Branch& branch : branches_) branch.revoke();
  }

 private:
  std::vector<Branch> branches_;
};

}  // namespace clusteragent::daemon
