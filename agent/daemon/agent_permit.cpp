// The permit in the kernel, and what waits for it.
#include <fmt/format.h>

#include <utility>

#include "agent/base/log.hpp"
#include "agent/daemon/agent.hpp"
#include "agent/vip/virtual_ip.hpp"

namespace clusteragent::daemon {
namespace {

// A hundred times what the kernel needs. Where somebody else holds its lock for longer, the address is announced all
// the same: clients then wait for the kernel and not for this process.
constexpr std::chrono::milliseconds kernel_patience{100};

}  // namespace

void Agent::open_permit(const fence::Addresses& addresses) {
  auto opened = fence::KernelPermit::open(
      setup_.module, addresses, resumed_ && resumed_->holds_vip ? std::optional{resumed_->until} : std::nullopt);
  if (!opened) {
    warnings_.push_back(fence::describe_margin_without_nftables(opened.error(), vip::Options{}.lifetime));
    log::critical("fence", "{}", warnings_.back());
    return;
  }
  kernel_permit_ = std::move(*opened);
  kernel_lets_speak_ = resumed_ && resumed_->holds_vip;
  if (!kernel_lets_speak_) vip_->revoke_permit();
  kernel_permit_->tell_after_each([this] { boost::asio::post(io_, [this] { on_kernel_permit(); }); });
  // The kernel's timeout before all others: it is what holds when this process does not.
  permit_.add(
      {[this](const core::SetPermit& permit) { kernel_permit_->set(permit); }, [this] { kernel_permit_->revoke(); }});
}

/// The first after a revocation waits for the kernel: an address that is announced before it draws clients whose first
/// segments are dropped, and repeated a second later.
void Agent::permit_vip(Instant until) {
  if (!kernel_permit_ || kernel_lets_speak_) return vip_->set_permit(until);
  if (std::exchange(is_kernel_asked_, true)) return;
  kernel_wait_.expires_after(kernel_patience);
  kernel_wait_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_kernel_permit();
  });
}

void Agent::revoke_vip() {
  kernel_lets_speak_ = is_kernel_asked_ = false;
  kernel_wait_.cancel();
  vip_->revoke_permit();
}

void Agent::on_kernel_permit() {
  // Revoked meanwhile: what was told is over.
  if (!is_kernel_asked_ || !permit_.enforced()) return;
  kernel_wait_.cancel();
  kernel_lets_speak_ = true;
  is_kernel_asked_ = false;
  vip_->set_permit(*permit_.enforced());
}

}  // namespace clusteragent::daemon
