#include "tests/simulation/host.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr std::size_t stalled_frames_max = 1000;  // what a hypervisor keeps for a guest's network card
constexpr Duration retry_gap = std::chrono::milliseconds{5};
constexpr std::uint16_t other_version = 99;

}  // namespace

Host::Host(World& world, NodeId self)
    : world_{world},
      self_{self},
      prng_{world.stream("host").child(self.value() == 0 ? "A" : "B")},
      kernel_{ClockModel{world.setup().host[self.value()].boot_reading, world.setup().host[self.value()].clock_rate_ppm,
                         TrueTime{0}}},
      disk_{world.queue(), world.stream("disk").child(self.value() == 0 ? "A" : "B"), world.setup().timing.disk_write},
      mirror_{world, self, world.stream("mirror").child(self.value() == 0 ? "A" : "B")},
      has_guard_{world.setup().host[self.value()].has_guard && world.variant() != Variant::fence_off} {
  kernel_.is_reader_lease_enforced = world.variant() != Variant::reader_unleased;
  kernel_.is_permit_enforced = world.variant() != Variant::fence_off;
  disk_.acknowledge_early(world.variant() == Variant::early_acknowledge);
}

Instant Host::local_now() const {
  return kernel_.clock.local(world_.now());
}

bool Host::is_active() const {
  return agent_ != nullptr && kernel_.is_powered && !kernel_.is_stalled && !is_agent_paused_;
}

void Host::refresh_activity() {
  const bool is_now = is_active();
  if (is_now && !was_active_) {
    active_since_ = world_.now();
  }
  was_active_ = is_now;
}

void Host::start_agent() {
  if (agent_ != nullptr || !kernel_.is_powered) {
    return;
  }
  if (is_guard_busy_ || kernel_.is_stalled) {
    world_.queue().after(retry_gap, [this] { start_agent(); });
    return;
  }
  if (world_.variant() == Variant::amnesia) {
    disk_.wipe();
  }
  if (world_.variant() == Variant::forgets_sync_set) {
    disk_.forget_sync_set();
  }
  core::Policy policy = world_.setup().policy;
  policy.self = self_;
  policy.incarnation = Incarnation{prng_.next() | 1U};
  policy.jitter_seed = prng_.next();
  const auto left = take_handover();
  kernel_.forget_reader();  // the shell removes what a former life left before it says anything
  agent_ = std::make_unique<Agent>(world_, *this, std::move(policy), ++lives_, left ? &*left : nullptr);
  refresh_activity();
  world_.trace().line(world_.now(), letter_of(self_), {lives_}, [] { return "** agent starts"; });
  world_.tell([&](Observer& observer) { observer.on_agent_started(world_, self_); });
  if (!kernel_.has_link) {
    agent_->post(core::LinkChanged{"eth0", false});
  }
  if (left && left->holds_vip && !kernel_.holds_address) {
    agent_->post(core::VipLost{"10.0.0.100"});
  }
  if (disk_.durable().is_wanted && !left) {
    // What the composition root does when the service manager starts it again.
    core::OperatorRequest start;
    start.verb = core::Verb::start;
    start.identity = "automatic";
    world_.ask(self_, std::move(start));
  }
  agent_->say_replica();
  agent_->arm_timer();
}

void Host::agent_is_gone() {
  agent_.reset();
  is_agent_paused_ = false;
  disk_.forget_unfinished();
  mirror_.agent_died();
  deaths_++;
  refresh_activity();
  world_.tell([&](Observer& observer) { observer.on_agent_died(world_, self_); });
}

void Host::kill_agent(std::optional<Duration> back_in) {
  if (agent_ == nullptr) {
    return;
  }
  agent_is_gone();
  const std::uint64_t death = deaths_;
  if (has_guard_) {
    is_guard_busy_ = true;
    world_.queue().after(prng_.within(world_.setup().timing.guard_reaction), [this, death] { guard_saw_death(death); });
  }
  if (back_in) {
    world_.queue().after(*back_in, [this, death] {
      if (deaths_ == death) {
        start_agent();
      }
    });
  }
  world_.changed();
}

void Host::hand_over(const core::Handover& left) {
  handover_ = left;
  agent_is_gone();
  const std::uint64_t death = deaths_;
  if (has_guard_) {
    const TrueTime due = std::max(kernel_.clock.true_at(left.until), world_.now());
    world_.queue().at(due + prng_.within(world_.setup().timing.guard_reaction),
                      [this, death] { guard_gave_up_waiting(death); });
  }
  // Mostly in time; an upgrade may take longer, or fail for a while.
  world_.queue().after(prng_.within(world_.setup().timing.agent_return), [this, death] {
    if (deaths_ == death) {
      start_agent();
    }
  });
  world_.changed();
}

void Host::guard_gave_up_waiting(std::uint64_t death) {
  if (deaths_ != death || !handover_ || !kernel_.is_powered) {
    return;
  }
  handover_.reset();
  is_guard_busy_ = true;
  guard_saw_death(death);
}

/// As a new life finds it. The permit that it goes on with is an ordinary one; without a handover there is none.
std::optional<core::Handover> Host::take_handover() {
  auto left = std::exchange(handover_, std::nullopt);
  const core::Policy& policy = world_.setup().policy;
  const Instant now = local_now();
  if (left && (now >= left->until || !core::may_resume(*left, disk_.durable(), self_))) {
    left.reset();
  }
  if (left) {
    left->until = std::min(left->until, now + policy.timeout / 2);
  }
  const bool is_long = kernel_.permit && kernel_.permit->until > now + policy.timeout;
  if (kernel_.permit && left) {
    kernel_.permit->until = left->until;
  } else if (is_long) {
    kernel_.permit.reset();
  }
  return left;
}

void Host::guard_saw_death(std::uint64_t death) {
  if (deaths_ != death || !kernel_.is_powered) {
    return;
  }
  if (kernel_.is_stalled) {
    world_.queue().after(retry_gap, [this, death] { guard_saw_death(death); });
    return;
  }
  const bool had_tenure = kernel_.holds_address || kernel_.permit.has_value();
  const Epoch epoch = kernel_.permit ? kernel_.permit->epoch : Epoch{};
  const bool speaks_first = world_.variant() == Variant::guard_speaks_first;
  if (speaks_first && had_tenure) {
    speak_of_release(epoch);
  } else {
    kernel_.holds_address = false;
    kernel_.permit.reset();
  }
  world_.changed();
  world_.queue().after(prng_.within(world_.setup().timing.kill), [this, death, had_tenure, epoch, speaks_first] {
    if (deaths_ != death || !kernel_.is_powered) {
      return;
    }
    kernel_.holds_address = false;
    kernel_.permit.reset();
    kernel_.runs_service = false;
    scripts_.kill_all();
    is_guard_busy_ = false;
    if (had_tenure && !speaks_first) {
      speak_of_release(epoch);
    }
    world_.changed();
  });
}

void Host::speak_of_release(Epoch epoch) {
  constexpr int repetitions = 3;  // a word that may be lost is said three times
  for (int turn = 0; turn < repetitions; turn++) {
    world_.queue().after(turn * std::chrono::milliseconds{2}, [this, epoch] {
      for (std::size_t path = 0; path < world_.network().paths(); path++) {
        world_.network().send(self_, PathId{static_cast<std::uint8_t>(path)}, GuardWord{epoch});
      }
    });
  }
}

void Host::permit_set() {
  if (!is_expiry_watched_ && has_guard_ && world_.setup().host[self_.value()].guard_enforces_expiry) {
    is_expiry_watched_ = true;
    guard_saw_expiry();
  }
}

void Host::guard_saw_expiry() {
  is_expiry_watched_ = false;
  if (!kernel_.permit || !kernel_.is_powered) {
    return;
  }
  if (kernel_.is_stalled || kernel_.has_live_permit(world_.now())) {
    const TrueTime due = std::max(kernel_.clock.true_at(kernel_.permit->until), world_.now() + retry_gap);
    is_expiry_watched_ = true;
    world_.queue().at(due + prng_.within(world_.setup().timing.guard_reaction), [this] { guard_saw_expiry(); });
    return;
  }
  kernel_.permit.reset();
  take_address_away();
  kill_service();
}

void Host::power_off() {
  if (!kernel_.is_powered) {
    return;
  }
  if (agent_ != nullptr) {
    agent_is_gone();
  }
  deaths_++;
  handover_.reset();
  kernel_.lose_power();
  mirror_.power_lost();
  is_guard_busy_ = false;
  scripts_.kill_all();
  stalled_frames_.clear();
  refresh_activity();
  world_.changed();
}

void Host::power_on() {
  if (kernel_.is_powered) {
    return;
  }
  kernel_.is_powered = true;
  kernel_.has_link = true;
  kernel_.clock =
      ClockModel{Instant::from_nanoseconds(prng_.between(std::int64_t{1'000'000}, std::int64_t{60'000'000'000})),
                 world_.setup().host[self_.value()].clock_rate_ppm, world_.now()};
  start_agent();
}

void Host::pause_agent() {
  if (agent_ == nullptr) {
    return;
  }
  is_agent_paused_ = true;
  agent_->set_frozen(true);
  refresh_activity();
}

void Host::resume_agent() {
  if (agent_ == nullptr || !is_agent_paused_) {
    return;
  }
  is_agent_paused_ = false;
  refresh_activity();
  agent_->set_frozen(kernel_.is_stalled);
  world_.changed();
}

void Host::stall(bool clock_stops) {
  if (!kernel_.is_powered || kernel_.is_stalled) {
    return;
  }
  kernel_.is_stalled = true;
  if (clock_stops) {
    kernel_.clock.stop(world_.now());
  }
  if (agent_ != nullptr) {
    agent_->set_frozen(true);
  }
  refresh_activity();
}

void Host::wake() {
  if (!kernel_.is_stalled) {
    return;
  }
  kernel_.is_stalled = false;
  if (kernel_.clock.is_stopped()) {
    kernel_.clock.go_on(world_.now());
  }
  const auto frames = std::exchange(stalled_frames_, {});
  for (const auto& [path, packet] : frames) {
    deliver(path, packet);
  }
  refresh_activity();
  if (agent_ != nullptr) {
    agent_->set_frozen(is_agent_paused_);
  }
  world_.changed();
}

void Host::kill_service() {
  if (std::exchange(kernel_.runs_service, false) && agent_ != nullptr) {
    agent_->service_died();
  }
}

void Host::take_address_away() {
  if (std::exchange(kernel_.holds_address, false) && agent_ != nullptr) {
    agent_->post(core::VipLost{"10.0.0.100"});
  }
}

void Host::set_link(bool has_link) {
  world_.lan().disturbed(world_.now());
  if (kernel_.is_powered && std::exchange(kernel_.has_link, has_link) != has_link && agent_ != nullptr) {
    agent_->post(core::LinkChanged{"eth0", has_link});
  }
}

void Host::script_took_effect(const core::RunScript& script, core::Outcome outcome) {
  const bool stops = script.script == core::ScriptKind::stop_prim || script.script == core::ScriptKind::prestart;
  if (stops && (script.force || outcome == core::Outcome::success)) {
    kernel_.runs_service = false;
  }
  if (script.script == core::ScriptKind::fence && outcome == core::Outcome::success) {
    // What a power switch does; the machine boots again, as it does where the switch cycles.
    Host& peer = world_.peer_of(self_);
    peer.power_off();
    world_.queue().after(prng_.within(world_.setup().timing.boot), [&peer] { peer.power_on(); });
  }
}

void Host::packet_arrived(PathId path, const Packet& packet) {
  if (!kernel_.is_powered) {
    return;
  }
  if (!kernel_.is_stalled) {
    deliver(path, packet);
  } else if (world_.setup().host[self_.value()].stall_keeps_frames && stalled_frames_.size() < stalled_frames_max) {
    stalled_frames_.emplace_back(path, packet);
  }
}

void Host::word_arrived(const core::LanWord& word) {
  const bool is_heard = kernel_.is_powered && !kernel_.is_stalled && kernel_.has_link && agent_ != nullptr;
  if (is_heard && world_.variant() != Variant::lan_ignored) {
    agent_->post(core::LanWordHeard{word});
  }
}

void Host::deliver(PathId path, const Packet& packet) {
  if (const auto* status = std::get_if<core::PeerStatus>(&packet)) {
    frame_arrived(path, *status);
  } else if (agent_ != nullptr && std::holds_alternative<ProcessGone>(packet)) {
    agent_->post(core::PeerProcessGone{path});
  } else if (const auto* word = std::get_if<GuardWord>(&packet); word != nullptr && agent_ != nullptr) {
    agent_->post(core::PeerGuardReleased{word->epoch});
  }
}

void Host::frame_arrived(PathId path, const core::PeerStatus& status) {
  if (agent_ == nullptr) {
    world_.network().send(self_, path, ProcessGone{});
    return;
  }
  if (speaks_other_version_ != world_.peer_of(self_).speaks_other_version_) {
    agent_->post(core::PeerIncompatible{other_version, other_version});
    return;
  }
  core::PeerStatus heard = status;
  heard.is_candidate = heard.is_candidate && world_.variant() != Variant::silent_candidates;
  if (world_.variant() == Variant::reader_unasked) {
    heard.holds_reader = false;
    heard.grants_reader = true;
  }
  if (world_.variant() == Variant::grace_unconfirmed) {
    heard.waits_for = world_.setup().policy.restart_grace;
    heard.restarts_for = Duration{0};
  }
  agent_->post(core::FrameReceived{path, heard});
  if (world_.variant() == Variant::stale_frames && agent_ != nullptr) {
    let_in_an_old_frame(path, status);
  }
}

void Host::let_in_an_old_frame(PathId path, const core::PeerStatus& newest) {
  constexpr std::size_t remembered_max = 256;
  constexpr std::uint32_t one_in_ten_ppm = 100'000;
  remembered_frames_.push_back(newest);
  if (remembered_frames_.size() > remembered_max) {
    remembered_frames_.pop_front();
  }
  if (prng_.chance(one_in_ten_ppm)) {
    core::PeerStatus old = remembered_frames_[prng_.below(remembered_frames_.size())];
    old.incarnation = newest.incarnation;
    old.beat = newest.beat + 1;
    old.heard_incarnation = newest.heard_incarnation;
    old.heard_beat = newest.heard_beat;
    agent_->post(core::FrameReceived{path, old});
  }
}

}  // namespace clusteragent::simulation
