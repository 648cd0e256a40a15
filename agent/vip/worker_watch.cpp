#include <errno.h>
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/vip/worker.hpp"
#include "agent/wire/lan_trailer.hpp"

namespace clusteragent::vip {
namespace {

namespace asio = boost::asio;
using platform::boottime_now;
using platform::errno_text;
using platform::NetlinkSocket;

// Two owners answer every question of the network: one report a second says as much as a thousand.
constexpr std::chrono::seconds conflict_report_interval{1};
// The peer waits longer between two words; who plays recordings back in a flood does not get more of this process.
constexpr std::chrono::microseconds word_report_interval{500};

Status join_groups(NetlinkSocket& socket) {
  for (const unsigned group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}) {
    const int code = socket.join(group);
    if (code != 0) {
      return Error{ErrorCode::system, fmt::format("cannot watch interfaces and addresses: {}", errno_text(code))};
    }
  }
  return success();
}

}  // namespace

Status Worker::open() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return route.error();
  auto monitor = NetlinkSocket::open(NETLINK_ROUTE);
  if (!monitor) return monitor.error();
  route_.emplace(std::move(route).value());
  monitor_.emplace(std::move(monitor).value());
  if (auto diag = NetlinkSocket::open(NETLINK_SOCK_DIAG)) diag_.emplace(std::move(diag).value());
  // Hear first, read then: a change in between is heard twice instead of never.
  if (const Status joined = join_groups(*monitor_); !joined) return joined;
  if (const Status read = read_kernel(); !read) return read;
  if (!options_.adopts) {
    if (const Status cleared = clear_leftovers(); !cleared) return cleared;
  }
  rebind();
  if (options_.adopts) adopt();
  publish_links();
  return refresh_taps();
}

/// What the former life had set is held as if this one had set it; the first refresh takes its long lifetime away.
void Worker::adopt() {
  is_held_ = true;
  for (Binding& binding : bindings_) {
    binding.is_set = binding.place && table_.holds(binding.place->link, binding.wanted.address);
    binding.refreshed = boottime_now();
    if (!binding.is_set) reports_.event(core::VipLost{binding.wanted.address.to_string()});
  }
}

Status Worker::clear_leftovers() {
  for (const Binding& binding : bindings_) {
    if (!table_.entries_of(binding.wanted.address).empty()) {
      log::event("vip", "removing the virtual IP {} that a former life of this agent left behind",
                 binding.wanted.address.to_string());
    }
    const std::string problem = remove_everywhere(binding);
    if (!problem.empty()) {
      return Error{ErrorCode::system, problem + "; the agent needs CAP_NET_ADMIN to move a virtual IP"};
    }
  }
  return success();
}

Status Worker::read_kernel() {
  const int code = read_tables(*route_, table_);
  if (code == 0) return success();
  return Error{ErrorCode::system, fmt::format("cannot read the interfaces and addresses: {}", errno_text(code))};
}

void Worker::watch_kernel() {
  // The descriptor is duplicated because Asio closes what it is given.
  if (!monitor_readable_) monitor_readable_.emplace(io_, ::dup(monitor_->descriptor()));
  monitor_readable_->async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    on_kernel_news();
    watch_kernel();
  });
}

void Worker::on_kernel_news() {
  const int code = monitor_->drain([this](const nlmsghdr& message) { table_.apply(message); });
  if (code == EAGAIN) return;  // the table is not current before everything is read
  if (code != 0) {
    log::event("vip", "news of interfaces were lost ({}); reading all of them again", errno_text(code));
    if (const Status read = read_kernel(); !read) {
      log::critical("vip", "{}", read.error().message);
      return;
    }
  }
  after_kernel_news();
}

void Worker::after_kernel_news() {
  rebind();
  report_losses();
  publish_links();
  if (const Status refreshed = refresh_taps(); !refreshed) log::critical("vip", "{}", refreshed.error().message);
}

/// Finds each address its place. A place stays while its link is there, even when the machine's own address on it comes
/// and goes; a link that comes back has a new index.
void Worker::rebind() {
  bool has_changed = false;
  for (Binding& binding : bindings_) {
    if (binding.place && table_.find(binding.place->link) != nullptr) continue;
    if (binding.place) binding.last_prefix = binding.place->prefix;
    const std::optional<std::uint8_t> prefix = binding.wanted.prefix ? binding.wanted.prefix : binding.last_prefix;
    const auto place = table_.locate(binding.wanted.address, binding.wanted.interface, prefix);
    has_changed = has_changed || place || binding.place;
    if (!place && binding.is_set) {
      // The link went and took the address along: its own news of that may have been lost.
      binding.is_set = false;
      reports_.event(core::VipLost{binding.wanted.address.to_string()});
    }
    binding.place = place;
  }
  if (has_changed) publish_plan();
}

void Worker::publish_plan() {
  std::vector<platform::KernelMessage> plan;
  for (const Binding& binding : bindings_) {
    if (!binding.place) continue;
    plan.push_back(removal_message({binding.place->link, binding.wanted.address, binding.place->prefix}));
  }
  {
    const std::lock_guard lock{board_.mutex};
    board_.removal_plan = plan;
  }
  reports_.removal_plan(std::move(plan));
}

void Worker::publish_links() {
  std::vector<core::LinkChanged> changes;
  {
    const std::lock_guard lock{board_.mutex};
    for (const std::string& name : options_.checked_interfaces) {
      const Link* link = table_.find(name);
      const bool has_link = link != nullptr && link->has_link;
      const auto [known, is_new] = board_.links.try_emplace(name, has_link);
      if (is_new || known->second == has_link) continue;
      known->second = has_link;
      changes.push_back({name, has_link});
    }
  }
  for (core::LinkChanged& change : changes) reports_.event(std::move(change));
}

void Worker::report_losses() {
  const auto is_missing = [this](const Binding& binding) {
    return binding.is_set && binding.place && !table_.holds(binding.place->link, binding.wanted.address);
  };
  if (std::none_of(bindings_.begin(), bindings_.end(), is_missing)) return;
  // The news may be older than this process's last request (a removal read after the address was set again): ask.
  if (const Status read = read_kernel(); !read) log::critical("vip", "{}", read.error().message);
  for (Binding& binding : bindings_) {
    if (!is_missing(binding)) continue;
    binding.is_set = false;
    reports_.event(core::VipLost{binding.wanted.address.to_string()});
  }
}

Status Worker::refresh_taps() {
  std::set<unsigned> wanted;
  for (const Binding& binding : bindings_) {
    if (!binding.place) continue;
    const Link* link = table_.find(binding.place->link);
    if (link != nullptr && link->is_up && link->mac) wanted.insert(link->index);
  }
  std::erase_if(taps_, [&wanted](const auto& entry) { return !wanted.contains(entry.first); });
  std::vector<IpAddress> addresses;
  for (const Binding& binding : bindings_) addresses.push_back(binding.wanted.address);
  for (const unsigned index : wanted) {
    if (taps_.contains(index)) continue;
    auto tap = WireTap::open(table_.find(index)->name, addresses);
    if (!tap) return tap.error();
    Descriptor readable{io_, ::dup(tap->descriptor())};
    taps_.emplace(index, OpenTap{std::move(tap).value(), std::move(readable)});
    if (thread_.joinable()) watch_tap(index);
  }
  return success();
}

void Worker::watch_tap(unsigned link) {
  const auto found = taps_.find(link);
  if (found == taps_.end()) return;
  found->second.readable.async_wait(Descriptor::wait_read, [this, link](const boost::system::error_code& error) {
    const auto tap = taps_.find(link);
    if (error || tap == taps_.end()) return;
    if (!tap->second.tap.drain([this](std::span<const std::uint8_t> frame) { on_frame(frame); })) {
      // The interface went down or away; the news of its return opens a new tap.
      taps_.erase(tap);
      return;
    }
    watch_tap(link);
  });
}

void Worker::on_spoken_probe(const SpokenProbe& probe) {
  const Instant now = boottime_now();
  const bool is_ours = std::any_of(bindings_.begin(), bindings_.end(),
                                   [&probe](const Binding& one) { return one.wanted.address == probe.address; });
  if (!options_.voice || !is_ours || now - word_reported_ < word_report_interval) return;
  const auto said = wire::decode_lan_word(probe.trailer, octets_of(probe.address), options_.voice->key);
  if (!said || said->node == options_.voice->self) return;
  word_reported_ = now;
  reports_.event(core::LanWordHeard{said->word});
}

void Worker::on_frame(std::span<const std::uint8_t> frame) {
  if (const auto probe = parse_spoken_probe(frame)) return on_spoken_probe(*probe);
  const auto claim = parse_claim(frame);
  if (!claim || table_.is_own(claim->mac)) return;
  const auto binding = std::find_if(bindings_.begin(), bindings_.end(),
                                    [&claim](const Binding& one) { return one.wanted.address == claim->address; });
  if (binding == bindings_.end()) return;
  const Instant now = boottime_now();
  {
    const std::lock_guard lock{board_.mutex};
    board_.owner = Owner{claim->address, claim->mac, now};
  }
  resets_.on_claim();
  if (!is_held_ || now - binding->conflict_reported < conflict_report_interval) return;
  binding->conflict_reported = now;
  reports_.event(core::VipConflict{claim->address.to_string(), to_text(claim->mac)});
}

}  // namespace clusteragent::vip
