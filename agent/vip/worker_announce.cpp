#include <fmt/format.h>

#include <fstream>
#include <set>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/vip/worker.hpp"
#include "agent/wire/lan_trailer.hpp"

namespace clusteragent::vip {
namespace {

using platform::boottime_now;

// The step of a burst that also asks who else answers: late enough for the other side to have let go in a planned
// change, early enough to end a double claim soon.
constexpr std::size_t burst_probe_position = 2;

}  // namespace

void Worker::start_burst(std::size_t position) {
  burst_position_ = position;
  burst_start_ = boottime_now();
  if (position == 0) {
    burst_step();
  } else {
    arm_burst();
  }
  if (!options_.repeats_announcement) return;
  repeat_end_ = burst_start_ + options_.repeat_elapse;
  repeat_step();
}

void Worker::arm_burst() {
  if (burst_position_ >= announcement_burst.size()) return;
  const Duration wait = burst_start_ + announcement_burst.at(burst_position_) - boottime_now();
  burst_timer_.expires_after(std::max(wait, Duration::zero()));
  burst_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) burst_step();
  });
}

void Worker::burst_step() {
  burst_timer_.cancel();
  announcement_waits_ = false;
  if (!is_held_) return;
  // A frame that a thawed process sends on the strength of an old truth would draw the clients away from the new owner.
  if (must_wait_for_permit()) {
    announcement_waits_ = true;
    return;
  }
  for (const Binding& binding : bindings_) announce(binding);
  if (burst_position_ == burst_probe_position) {
    for (const Binding& binding : bindings_) probe(binding);
  }
  ++burst_position_;
  arm_burst();
}

void Worker::repeat_step() {
  repeat_timer_.expires_after(options_.repeat_interval);
  repeat_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !is_held_ || boottime_now() >= repeat_end_) return;
    if (may_speak()) {
      for (const Binding& binding : bindings_) announce(binding);
    }
    repeat_step();
  });
}

void Worker::probe_step() {
  if (options_.probe_interval <= Duration::zero()) return;
  for (const Binding& binding : bindings_) probe(binding);
  probe_timer_.expires_after(options_.probe_interval);
  probe_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) probe_step();
  });
}

void Worker::announce(const Binding& binding) {
  if (!binding.place || !binding.is_set) return;
  const Link* link = table_.find(binding.place->link);
  const auto tap = taps_.find(binding.place->link);
  if (link == nullptr || !link->mac || tap == taps_.end()) return;
  const IpAddress& address = binding.wanted.address;
  if (address.is_v4()) {
    tap->second.tap.send(gratuitous_request(*link->mac, address.to_v4()));
    tap->second.tap.send(gratuitous_reply(*link->mac, address.to_v4()));
  } else {
    tap->second.tap.send(unsolicited_advertisement(*link->mac, address.to_v6(), is_router(binding)));
  }
}

void Worker::probe(const Binding& binding) {
  if (!binding.place) return;
  const Link* link = table_.find(binding.place->link);
  const auto tap = taps_.find(binding.place->link);
  if (link == nullptr || !link->mac || tap == taps_.end()) return;
  tap->second.tap.send(ownership_probe(*link->mac, binding.wanted.address));
}

/// Once on each network: the addresses of one network fall and stand together.
void Worker::say(const core::LanWord& word) {
  // The permit may have ended between the decision and this thread's turn.
  if (!options_.voice || (word.holds_vip && !may_speak())) return;
  std::set<unsigned> told;
  for (const Binding& binding : bindings_) {
    if (!binding.place || !told.insert(binding.place->link).second) continue;
    const Link* link = table_.find(binding.place->link);
    const auto tap = taps_.find(binding.place->link);
    if (link == nullptr || !link->mac || tap == taps_.end()) continue;
    const auto trailer =
        wire::encode_lan_word({options_.voice->self, word}, octets_of(binding.wanted.address), options_.voice->key);
    tap->second.tap.send(spoken_probe(*link->mac, binding.wanted.address, trailer));
  }
}

bool Worker::is_router(const Binding& binding) const {
  const Link* link = table_.find(binding.place->link);
  if (link == nullptr) return false;
  std::ifstream file{fmt::format("/proc/sys/net/ipv6/conf/{}/forwarding", link->name)};
  int forwards = 0;
  return (file >> forwards) && forwards != 0;
}

}  // namespace clusteragent::vip
