#include "tests/simulation/mirror.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr Duration wire_delay = std::chrono::microseconds{200};
constexpr Span copy_time{std::chrono::milliseconds{1}, std::chrono::milliseconds{400}};

}  // namespace

Mirror::Mirror(World& world, NodeId self, Prng prng) : world_{world}, self_{self}, prng_{prng} {}

Mirror& Mirror::other() {
  return world_.peer_of(world_.host(self_).self()).mirror();
}

bool Mirror::is_connected() {
  const Host& peer = world_.peer_of(self_);
  const bool is_up = peer.kernel().is_powered && !peer.kernel().is_stalled && !world_.host(self_).kernel().is_stalled;
  const bool is_linked = world_.network().carries(self_) && world_.network().carries(peer.self());
  return is_up && is_linked && other().role_ == Role::secondary && other().fence_ <= epoch_;
}

bool Mirror::holds(std::uint64_t id) const {
  return std::binary_search(log_.begin(), log_.end(), id);
}

void Mirror::post(core::Event event) {
  Agent* agent = world_.host(self_).agent();
  if (agent != nullptr && agent->life() == life_) {
    agent->post(std::move(event));
  }
}

void Mirror::change_role(Role role, Epoch epoch, std::uint64_t life) {
  role_ = role;
  epoch_ = epoch;
  life_ = life;
  fence_ = std::max(fence_, epoch);
  role_number_++;
  copy_number_++;
  waiting_.clear();
}

void Mirror::lead(const core::LeadData& wanted, std::uint64_t life) {
  if (role_ == Role::primary && life == life_) {
    epoch_ = wanted.epoch;
    fence_ = std::max(fence_, epoch_);
    return;
  }
  change_role(Role::primary, wanted.epoch, life);
  mode_ = wanted.is_solo ? Mode::solo : Mode::waiting;
  world_.tell([&](Observer& observer) { observer.on_lead(world_, self_, wanted.epoch); });
  look();
}

void Mirror::follow(const core::FollowData& wanted, std::uint64_t life) {
  change_role(Role::secondary, wanted.epoch, life);
}

void Mirror::release() {
  change_role(Role::none, Epoch{}, 0);
}

void Mirror::power_lost() {
  release();
}

void Mirror::allow_solo(const core::AllowSolo&) {
  if (role_ == Role::primary && mode_ == Mode::waiting) {
    mode_ = Mode::solo;
    acknowledge_waiting();
  }
}

void Mirror::look() {
  const Duration pause = std::max<Duration>(world_.setup().policy.pulse / 2, std::chrono::milliseconds{2});
  world_.queue().after(pause, [this, number = role_number_] {
    if (number != role_number_ || role_ != Role::primary) {
      return;
    }
    look();
    const bool connected = is_connected();
    if (!connected && (mode_ == Mode::copying || mode_ == Mode::both)) {
      connection_lost();
    } else if (connected && mode_ == Mode::solo) {
      begin_copy();
    } else if (connected && mode_ == Mode::waiting) {
      resend();
    }
  });
}

void Mirror::connection_lost() {
  copy_number_++;
  // While it copies it has not promised the other one anything yet.
  const bool was_alone = mode_ == Mode::copying;
  mode_ = was_alone ? Mode::solo : Mode::waiting;
  if (was_alone) {
    return;
  }
  if (world_.variant() == Variant::solo_without_record) {
    mode_ = Mode::solo;
    acknowledge_waiting();
  }
  post(core::ProviderBehind{epoch_, "connection lost"});
}

void Mirror::begin_copy() {
  mode_ = Mode::copying;
  other().is_consistent_ = false;
  other().fence_ = std::max(other().fence_, epoch_);
  if (world_.variant() == Variant::synced_too_early) {
    post(core::ProviderSynced{epoch_});
  }
  world_.queue().after(prng_.within(copy_time), [this, number = ++copy_number_] { end_copy(number); });
}

void Mirror::end_copy(std::uint64_t number) {
  if (number != copy_number_ || role_ != Role::primary) {
    return;
  }
  if (!is_connected()) {
    connection_lost();
    return;
  }
  other().log_ = log_;
  other().is_consistent_ = true;
  mode_ = Mode::both;
  post(core::ProviderSynced{epoch_});
}

void Mirror::resend() {
  // What it has is a beginning of what is here, so it stays consistent at every moment.
  if (!other().is_consistent_ || !std::includes(log_.begin(), log_.end(), other().log_.begin(), other().log_.end())) {
    return;
  }
  other().log_ = log_;
  mode_ = Mode::both;
  acknowledge_waiting();
  post(core::ProviderSynced{epoch_});
}

void Mirror::write(std::uint64_t id) {
  if (role_ != Role::primary) {
    return;
  }
  log_.push_back(id);
  switch (mode_) {
    case Mode::solo:
    case Mode::copying:
      acknowledge(id);
      break;
    case Mode::waiting:
      waiting_.push_back(id);
      break;
    case Mode::both:
      waiting_.push_back(id);
      replicate(id);
      break;
  }
}

void Mirror::replicate(std::uint64_t id) {
  world_.queue().after(wire_delay, [this, id, number = role_number_] {
    if (number != role_number_ || mode_ != Mode::both) {
      return;
    }
    if (!is_connected()) {
      connection_lost();
      return;
    }
    other().log_.push_back(id);
    world_.queue().after(wire_delay, [this, id, number] {
      if (number != role_number_ || mode_ != Mode::both || waiting_.empty() || waiting_.front() != id) {
        return;
      }
      waiting_.pop_front();
      acknowledge(id);
    });
  });
}

void Mirror::acknowledge_waiting() {
  for (const std::uint64_t id : std::exchange(waiting_, {})) {
    acknowledge(id);
  }
}

void Mirror::acknowledge(std::uint64_t id) {
  const Kernel& kernel = world_.host(self_).kernel();
  if (kernel.is_stalled || !kernel.has_live_permit(world_.now())) {
    return;
  }
  world_.tell([&](Observer& observer) { observer.on_acknowledged(world_, self_, epoch_, id); });
}

}  // namespace clusteragent::simulation
