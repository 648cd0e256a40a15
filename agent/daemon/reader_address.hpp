#pragma once
// ReaderAddress: the virtual addresses for clients that only read, with a lease of their own in the kernel.
//
// Apart from the virtual IP in everything: its own sockets, its own nftables rules, no word on the network, no guard. A
// former life leaves nothing to this one: what it held is removed before anything is said, and mute before that.
// Ownership: the daemon's; the io_context and what the sink reaches outlive it. Threads: the decision thread. Errors:
// open() as VirtualIp's; without nftables the addresses' lifetime is left, as of the virtual IP.
#include <memory>
#include <string>
#include <vector>

#include "agent/daemon/permit_fan.hpp"
#include "agent/fence/kernel_permit.hpp"
#include "agent/vip/virtual_ip.hpp"

namespace clusteragent::daemon {

class ReaderAddress final : public core::ReaderPort {
 public:
  static Result<std::unique_ptr<ReaderAddress>> open(boost::asio::io_context& io, const std::string& module,
                                                     vip::Options options, core::EventSink sink);

  void acquire_reader(const core::AcquireReader& action) override;
  void release_reader(const core::ReleaseReader& action) override;
  void set_reader_permit(const core::SetReaderPermit& action) override;
  void revoke_reader_permit() override;

  /// Takes the nftables rules away; for a clean stop, once no address is left.
  void remove_rules();
  const std::vector<std::string>& addresses() const { return addresses_; }
  /// What weakens the lease; empty: nothing.
  const std::string& warning() const { return warning_; }

 private:
  ReaderAddress() = default;

  std::unique_ptr<vip::VirtualIp> vip_;
  std::unique_ptr<fence::KernelPermit> kernel_permit_;
  PermitFan permit_;
  std::vector<std::string> addresses_;
  std::string warning_;
};

}  // namespace clusteragent::daemon
