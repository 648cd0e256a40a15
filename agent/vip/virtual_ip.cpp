#include "agent/vip/virtual_ip.hpp"

#include <fmt/format.h>

#include <future>

#include "agent/base/assert.hpp"
#include "agent/vip/worker.hpp"

namespace clusteragent::vip {
namespace {

namespace asio = boost::asio;

// A refresh that comes late, and the one after it, still find the address alive.
constexpr int refreshes_a_lifetime = 3;

/// Closed on the decision thread before the VirtualIp goes: what is still on its way to the io_context is then dropped.
struct Gate {
  bool is_open = true;
};

Status check(const Options& options) {
  if (options.addresses.size() > addresses_max) {
    return Error{ErrorCode::configuration, fmt::format("{} virtual addresses are more than the {} that are supported",
                                                       options.addresses.size(), addresses_max)};
  }
  for (const VirtualAddress& one : options.addresses) {
    const std::uint8_t longest = one.address.is_v4() ? 32 : 128;
    if (one.prefix.value_or(longest) > longest) {
      return Error{ErrorCode::configuration, fmt::format("prefix length {} of virtual address {} is more than {}",
                                                         *one.prefix, one.address.to_string(), longest)};
    }
    if (one.address.is_unspecified() || one.address.is_multicast() || one.address.is_loopback()) {
      return Error{
          ErrorCode::configuration,
          fmt::format("{} cannot be a virtual address: it belongs to no single machine", one.address.to_string())};
    }
  }
  if (options.lifetime < std::chrono::seconds{1}) {
    return Error{ErrorCode::configuration, "the lifetime of a virtual address is at least one second"};
  }
  return success();
}

}  // namespace

struct VirtualIp::Impl {
  Impl(asio::io_context& context, Options wanted, core::EventSink to)
      : io{context}, options{std::move(wanted)}, sink{std::move(to)}, refresh_timer{context} {}

  Worker::Reports reports() {
    return {[this](core::Event event) {
              asio::post(io, [gate = gate, sink = sink, event = std::move(event)] {
                if (gate->is_open) sink(event);
              });
            },
            [this](std::vector<platform::KernelMessage> plan) {
              if (!options.on_removal_plan) return;
              asio::post(io, [gate = gate, publish = options.on_removal_plan, plan = std::move(plan)] {
                if (gate->is_open) publish(plan);
              });
            }};
  }

  /// On the decision thread by intent: when that hangs, nothing is refreshed.
  void arm_refresh() {
    refresh_timer.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(options.lifetime) /
                                refreshes_a_lifetime);
    refresh_timer.async_wait([this, gate = gate](const boost::system::error_code& error) {
      if (error || !gate->is_open) return;
      worker->request_refresh();
      arm_refresh();
    });
  }

  asio::io_context& io;
  const Options options;
  const core::EventSink sink;
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  Board board;
  asio::steady_timer refresh_timer;
  std::optional<Worker> worker;
};

VirtualIp::VirtualIp(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

VirtualIp::~VirtualIp() {
  impl_->gate->is_open = false;
  impl_->refresh_timer.cancel();
}

Result<std::unique_ptr<VirtualIp>> VirtualIp::open(asio::io_context& io, Options options, core::EventSink sink) {
  if (const Status checked = check(options); !checked) return checked.error();
  auto impl = std::make_unique<Impl>(io, std::move(options), std::move(sink));
  impl->worker.emplace(impl->options, impl->board, impl->reports());
  if (const Status opened = impl->worker->open(); !opened) return opened.error();
  impl->worker->start();
  impl->arm_refresh();
  return std::unique_ptr<VirtualIp>{new VirtualIp{std::move(impl)}};
}

void VirtualIp::acquire(const core::AcquireVip& action) {
  impl_->worker->request_acquire(action.token);
}

void VirtualIp::release(const core::ReleaseVip& action) {
  impl_->worker->request_release(action.token);
}

void VirtualIp::announce() {
  impl_->worker->request_announcement();
}

void VirtualIp::speak(const core::SpeakOnLan& action) {
  impl_->worker->request_word(action.word);
}

void VirtualIp::set_permit(Instant until) {
  impl_->board.permit_until = until.nanoseconds();
  if (impl_->board.waits_for_permit.exchange(false)) impl_->worker->request_resume();
}

void VirtualIp::revoke_permit() {
  impl_->board.permit_until = 0;
}

bool VirtualIp::leave_behind(std::chrono::seconds lifetime, Duration limit) {
  std::future<bool> done = impl_->worker->request_leave_behind(lifetime);
  const bool is_done = done.wait_for(limit) == std::future_status::ready && done.get();
  if (is_done) impl_->refresh_timer.cancel();
  return is_done;
}

bool VirtualIp::has_link(const std::string& interface) const {
  const std::lock_guard lock{impl_->board.mutex};
  const auto found = impl_->board.links.find(interface);
  return found != impl_->board.links.end() && found->second;
}

std::optional<Owner> VirtualIp::observed_owner() const {
  const std::lock_guard lock{impl_->board.mutex};
  return impl_->board.owner;
}

std::vector<platform::KernelMessage> VirtualIp::removal_plan() const {
  const std::lock_guard lock{impl_->board.mutex};
  return impl_->board.removal_plan;
}

}  // namespace clusteragent::vip
