#pragma once
// VirtualIp: the module's virtual addresses on this machine.
//
// Purpose: sets and removes them by rtnetlink, tells the network where they are (gratuitous ARP, unsolicited neighbour
// advertisement), sees who else claims them and what becomes of the links they need.
// Lease: every address has a finite lifetime in the kernel. It is refreshed only while the decision thread runs (its
// timer asks for it) and the permit is live, so an agent that is killed, stopped or stuck loses the addresses by
// itself. Ownership: the daemon owns it; the io_context and whatever the sink reaches must outlive it. Destroying it
// removes nothing: a clean stop releases first, and after an unclean one the lifetime does it. Threads: methods are
// called on the thread that runs the io_context (the decision thread) and return at once, except has_link and
// observed_owner, which any thread may call. Kernel calls, which may wait for the rtnl lock, happen on a thread of its
// own, in order. The sink is called on the io_context, never from inside a method. Errors: open() fails where the
// machine cannot do it at all (no privilege); an interface that is missing or down is waited for. acquire and release
// answer with ActionFinished.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"
#include "agent/platform/linux/netlink.hpp"
#include "agent/vip/frames.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::vip {

struct VirtualAddress {
  IpAddress address;
  std::string interface;               // empty: the one that has an address in the same network
  std::optional<std::uint8_t> prefix;  // nullopt: that network's own
};

// A network loses frames just when it changes (a port that comes up, a switch that learns), so the announcement is
// repeated: dense where every millisecond is an outage, sparse for as long as spanning tree and port security may take.
inline constexpr std::array<std::chrono::milliseconds, 7> announcement_burst{
    std::chrono::milliseconds{0},   std::chrono::milliseconds{10},  std::chrono::milliseconds{50},
    std::chrono::milliseconds{150}, std::chrono::milliseconds{500}, std::chrono::milliseconds{1000},
    std::chrono::milliseconds{2000}};
// Each address costs a capture filter term, a burst and a refresh; SafeKit's users have one or two.
inline constexpr std::size_t addresses_max = 64;

/// How this node speaks to its peer on the networks of the addresses.
struct LanVoice {
  NodeId self{};
  wire::Key key{};  // of wire::Purpose::lan
};

struct Options {
  std::vector<VirtualAddress> addresses;
  std::vector<std::string> checked_interfaces;  // whose link changes are reported
  // The kernel counts in seconds; three of them survive two refreshes that come late.
  std::chrono::seconds lifetime{3};
  std::optional<LanVoice> voice;      // nullopt: says nothing and understands nothing
  bool repeats_announcement = false;  // arpreroute
  Duration repeat_interval = std::chrono::seconds{60};
  Duration repeat_elapse = std::chrono::seconds{1200};
  // How often the network is asked who else answers for an address; 0: only within announcements.
  Duration probe_interval = std::chrono::seconds{5};
  // A former life of the agent handed the addresses over: what is set stays set, and what is missing is reported.
  bool adopts = false;
  // What a process that outlives this one must send to remove the addresses; called on the io_context whenever the
  // interfaces changed so that the former plan no longer fits. May be empty.
  std::function<void(std::vector<platform::KernelMessage>)> on_removal_plan;
};

/// Another machine that claims one of the addresses.
struct Owner {
  IpAddress address;
  Mac mac{};
  Instant seen;
};

class VirtualIp final : public core::VipPort {
 public:
  /// Removes what a former life of the agent left behind, unless it handed it over.
  static Result<std::unique_ptr<VirtualIp>> open(boost::asio::io_context& io, Options options, core::EventSink sink);
  ~VirtualIp() override;
  VirtualIp(const VirtualIp&) = delete;
  VirtualIp& operator=(const VirtualIp&) = delete;

  void acquire(const core::AcquireVip& action) override;
  void release(const core::ReleaseVip& action) override;
  void announce() override;
  void speak(const core::SpeakOnLan& action) override;

  /// Nothing is set, refreshed or announced outside a live permit: it waits for the next one. Without any call to
  /// set_permit, no permit is asked for.
  void set_permit(Instant until);
  void revoke_permit();

  /// For the next life of the agent: what is set lives for `lifetime` from now and is refreshed no more. Waits for the
  /// kernel, at most `limit`; false: it has not taken all of it.
  bool leave_behind(std::chrono::seconds lifetime, Duration limit);

  /// Of any interface that is there; false when it is not.
  bool has_link(const std::string& interface) const;
  /// Who claimed an address last since this machine gave it up; nullopt: nobody, or this machine holds it.
  std::optional<Owner> observed_owner() const;
  std::vector<platform::KernelMessage> removal_plan() const;

 private:
  struct Impl;
  explicit VirtualIp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clusteragent::vip
