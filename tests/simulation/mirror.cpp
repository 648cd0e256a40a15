// What both sides have in common: the engine's life, its roles, and whether the other engine is reached.
#include "tests/simulation/mirror.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr Duration stalled_retry = std::chrono::milliseconds{5};
/// Until the engine sees that its agent's end of the socket is closed, and its mount is gone.
constexpr Span end_of_engine{Duration{0}, std::chrono::milliseconds{5}};

}  // namespace

Mirror::Mirror(World& world, NodeId self, Prng prng)
    : world_{world}, self_{self}, prng_{prng}, lead_failure_ppm_{world.setup().data.lead_failure_ppm} {}

Mirror& Mirror::other() {
  return world_.peer_of(self_).mirror();
}

bool Mirror::is_reachable() {
  const Host& peer = world_.peer_of(self_);
  const bool is_up = peer.kernel().is_powered && !peer.kernel().is_stalled;
  return is_up && world_.network().carries(self_) && world_.network().carries(peer.self());
}

void Mirror::post(core::Event event) {
  Agent* agent = world_.host(self_).agent();
  if (agent != nullptr && agent->life() == life_) {
    agent->post(std::move(event));
  }
}

void Mirror::tell(DataFact fact, std::uint64_t number) {
  world_.trace().line(world_.now(), letter_of(self_), {static_cast<std::uint64_t>(fact), number},
                      [&] { return fmt::format("** data: {} {}", name_of(fact), number); });
  world_.tell([&](Observer& observer) { observer.on_data(world_, self_, fact); });
}

void Mirror::later(Duration delay, std::function<void()> work) {
  world_.queue().after(
      delay, [this, engine = engine_, work = std::move(work)]() mutable { run_unless_stalled(engine, work); });
}

void Mirror::run_unless_stalled(std::uint64_t engine, const std::function<void()>& work) {
  if (engine != engine_) {
    return;
  }
  if (world_.host(self_).kernel().is_stalled) {
    world_.queue().after(stalled_retry, [this, engine, work] { run_unless_stalled(engine, work); });
    return;
  }
  work();
}

void Mirror::begin_role(Role role, Epoch epoch, std::uint64_t life) {
  let_go();
  role_ = role;
  epoch_ = epoch;
  life_ = life;
}

void Mirror::let_go() {
  if (role_ == Role::primary) {
    abandon_promises();
    if (connection_ != 0) connection_lost("let go");
  }
  // What was received is applied before the next role begins.
  while (role_ == Role::secondary && !received_.empty()) apply_front();
  replica_lost();
  role_ = Role::none;
  engine_++;
  is_applying_ = is_arrival_planned_ = is_answer_planned_ = false;
  outgoing_.clear();
  received_.clear();
  silent_since_.reset();
}

void Mirror::lead(const core::LeadData& wanted, std::uint64_t life, Done done) {
  if (role_ == Role::primary && life == life_) {
    epoch_ = wanted.epoch;
    done(true);
    return;
  }
  let_go();
  if (refuses_to_lead()) {
    tell(DataFact::refuses_to_lead);
    done(false);
    return;
  }
  if (lead_failure_ppm_ > 0 && prng_.chance(lead_failure_ppm_)) {
    tell(DataFact::fails_to_lead);
    done(false);
    return;
  }
  // The other node may have acknowledged what is in this one's memory alone.
  later(prng_.within(world_.setup().data.sync), [this, wanted, life, done = std::move(done)] {
    begin_to_lead(wanted, life);
    done(true);
  });
}

void Mirror::begin_to_lead(const core::LeadData& wanted, std::uint64_t life) {
  if (world_.variant() != Variant::leads_from_memory) disk_.sync_all();
  begin_role(Role::primary, wanted.epoch, life);
  ledger_ = filesync::Ledger{wanted.is_solo};
  retry_at_ = world_.now();
  world_.tell([&](Observer& observer) { observer.on_lead(world_, self_, wanted.epoch); });
  look();
}

void Mirror::follow(const core::FollowData& wanted, std::uint64_t life) {
  if (role_ == Role::secondary && life == life_) {
    epoch_ = wanted.epoch;
    return;
  }
  begin_role(Role::secondary, wanted.epoch, life);
  tell(DataFact::follows);
  if (refuses_to_lead()) tell(DataFact::refuses_to_lead);
  look();
}

void Mirror::release() {
  let_go();
}

void Mirror::agent_died() {
  if (role_ != Role::none) {
    later(prng_.within(end_of_engine), [this] { let_go(); });
  } else {
    engine_++;  // it may be on its way to lead
  }
}

void Mirror::power_lost() {
  const Tree before = disk_.tree();
  const bool was_primary = role_ == Role::primary;
  crash();
  disk_.lose_power(prng_);
  world_.tell([&](Observer& observer) { observer.on_power_lost(world_, self_, was_primary, before); });
}

void Mirror::crash() {
  const Role was = std::exchange(role_, Role::none);
  if (was == Role::none) {
    return;
  }
  received_.clear();
  if (was == Role::primary) {
    abandon_promises();
    if (connection_ != 0) connection_lost("engine died");
  }
  let_go();
  complain();
}

/// As the agent's side of it: again, until the module does something about it.
void Mirror::complain() {
  post(core::ProcessFailed{"filesync", core::FailureAction::stopstart, "the replication engine died"});
  if (world_.variant() != Variant::death_said_once) {
    later(world_.setup().data.complaint, [this] { complain(); });
  }
}

void Mirror::look() {
  later(std::max<Duration>(world_.setup().policy.pulse, milliseconds{2}), [this] {
    look();
    write_back();
    role_ == Role::primary ? look_as_primary() : look_as_secondary();
  });
}

bool Mirror::is_silent_too_long() {
  if (is_reachable()) {
    silent_since_.reset();
    return false;
  }
  if (!silent_since_) silent_since_ = world_.now();
  return world_.now() - *silent_since_ >= world_.setup().data.silence_limit;
}

/// As the kernel does by itself, long after.
void Mirror::write_back() {
  if (world_.now() - written_back_at_ >= world_.setup().data.write_back) {
    written_back_at_ = world_.now();
    disk_.sync_all();
  }
}

}  // namespace clusteragent::simulation
