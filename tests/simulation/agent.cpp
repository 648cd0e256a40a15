#include "tests/simulation/agent.hpp"

#include <algorithm>
#include <utility>

#include "agent/core/dispatch.hpp"
#include "tests/simulation/describe.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

/// One step answers one fact; a list this long means that the core talks to itself.
constexpr std::size_t step_actions_max = 64;
/// Deadlines that are due again at once, without time passing.
constexpr std::uint32_t immediate_deadlines_max = 8;
/// A script whose end is reported early goes on for this much longer (variant drop_after_announce).
constexpr int announced_early_factor = 40;

core::Cluster make_cluster(Host& host, const core::Policy& policy, const core::Handover* left) {
  if (left == nullptr) {
    return core::Cluster{policy, host.disk().durable(), host.local_now()};
  }
  return core::Cluster{policy, host.disk().durable(), host.local_now(), *left};
}

}  // namespace

Agent::Agent(World& world, Host& host, core::Policy policy, std::uint64_t life, const core::Handover* left)
    : world_{world},
      host_{host},
      policy_{std::move(policy)},
      life_{life},
      prng_{world.stream("agent").child(host.self().value() == 0 ? "A" : "B", life)},
      cluster_{make_cluster(host, policy_, left)},
      view_{cluster_.view()},
      register_client_{world, host, life, policy_} {}

void Agent::later(Duration delay, std::function<void(Agent&)> work) {
  World& world = world_;
  const NodeId self = host_.self();
  const std::uint64_t life = life_;
  world_.queue().after(delay, [&world, self, life, work = std::move(work)] {
    Agent* agent = world.host(self).agent();
    if (agent != nullptr && agent->life_ == life) {
      work(*agent);
    }
  });
}

void Agent::post(core::Event event) {
  if (is_frozen_) {
    const bool may_be_lost =
        std::holds_alternative<core::FrameReceived>(event) || std::holds_alternative<core::LanWordHeard>(event);
    if (!may_be_lost || mailbox_.size() < mailbox_events_max) {
      mailbox_.push_back(std::move(event));
    }
    return;
  }
  step(event);
  arm_timer();
}

void Agent::set_frozen(bool on) {
  const bool was_frozen = std::exchange(is_frozen_, on);
  if (was_frozen && !on) {
    drain();
  }
}

void Agent::drain() {
  while (!mailbox_.empty()) {
    const core::Event event = std::move(mailbox_.front());
    mailbox_.pop_front();
    step(event);
  }
  register_client_.thaw();
  const auto deadline = cluster_.next_deadline();
  if (std::exchange(is_deadline_waiting_, false) && deadline && *deadline <= host_.local_now()) {
    step(core::DeadlineReached{});
  }
  arm_timer();
}

void Agent::arm_timer() {
  const auto deadline = cluster_.next_deadline();
  if (deadline == armed_for_ || is_frozen_) {
    return;
  }
  armed_for_ = deadline;
  const std::uint64_t generation = ++timer_generation_;
  if (!deadline) {
    return;
  }
  const TrueTime due = std::max(world_.now(), host_.kernel().clock.true_at(*deadline));
  later(due - world_.now() + prng_.within(world_.setup().timing.timer_late), [generation](Agent& agent) {
    if (agent.timer_generation_ == generation) {
      agent.deadline_came();
    }
  });
}

void Agent::deadline_came() {
  const bool is_early = armed_for_ && host_.local_now() < *armed_for_;  // the clock stood still meanwhile
  armed_for_.reset();
  if (is_frozen_) {
    is_deadline_waiting_ = true;
    return;
  }
  if (!is_early) {
    step(core::DeadlineReached{});
  }
  arm_timer();
}

void Agent::step(const core::Event& event) {
  const Instant now = host_.local_now();
  world_.trace().line(world_.now(), letter_of(host_.self()), {fingerprint(event)}, [&] { return describe(event); });
  world_.tell([&](Observer& observer) { observer.on_event(world_, host_.self(), event); });
  core::ActionList actions;
  cluster_.step(now, event, actions);
  world_.tell([&](Observer& observer) { observer.on_step(world_, host_.self(), cluster_); });
  if (actions.size() > step_actions_max) {
    world_.fail("S11", fmt::format("{} actions in one step", actions.size()));
  }
  const auto next = cluster_.next_deadline();
  const bool is_due_at_once = std::holds_alternative<core::DeadlineReached>(event) && next && *next <= now;
  immediate_deadlines_ = is_due_at_once ? immediate_deadlines_ + 1 : 0;
  if (immediate_deadlines_ > immediate_deadlines_max) {
    world_.fail("S11", "the timer is due again and again without time passing");
  }
  for (const core::Action& action : actions) {
    carry_out(action);
  }
  core::View after = cluster_.view();
  if (after.state != view_.state || after.activity != view_.activity || after.reason != view_.reason) {
    const core::View before = std::exchange(view_, std::move(after));
    world_.trace().line(world_.now(), letter_of(host_.self()), {number_of(view_.reason)}, [&] {
      return fmt::format("== {} -> {}: {}", describe_state(before), describe_state(view_), view_.reason);
    });
    world_.tell([&](Observer& observer) { observer.on_transition(world_, host_.self(), before, view_); });
  } else {
    view_ = std::move(after);
  }
  world_.changed();
}

void Agent::carry_out(const core::Action& action) {
  world_.trace().line(world_.now(), letter_of(host_.self()), {fingerprint(action)}, [&] { return describe(action); });
  world_.tell([&](Observer& observer) { observer.on_action(world_, host_.self(), action); });
  core::dispatch(action, core::Ports{*this, *this, *this, *this, *this, *this, *this, *this, *this, *this, *this});
  world_.changed();
}

void Agent::send(const core::SendHeartbeat& heartbeat) {
  if (heartbeat.status.is_probe && world_.variant() == Variant::probes_lost) {
    return;
  }
  for (std::size_t path = 0; path < world_.network().paths(); path++) {
    world_.network().send(host_.self(), PathId{static_cast<std::uint8_t>(path)}, heartbeat.status);
  }
}

void Agent::finish_after(Duration delay, Token token, core::Outcome outcome, std::string detail) {
  later(delay, [token, outcome, detail = std::move(detail)](Agent& agent) {
    agent.post(core::ActionFinished{token, outcome, detail});
  });
}

void Agent::fail_to_lead_after(Duration delay, Token token) {
  later(delay, [token](Agent& agent) {
    agent.post(core::ActionFinished{token, core::Outcome::failure, "the engine could not begin", true});
  });
}

Duration Agent::vip_change_ends() {
  // Changes of the address are carried out one after the other, as netlink does.
  vip_free_at_ = std::max(vip_free_at_, world_.now()) + prng_.within(world_.setup().timing.vip_change);
  return vip_free_at_ - world_.now();
}

void Agent::acquire(const core::AcquireVip& wanted) {
  later(vip_change_ends(), [token = wanted.token](Agent& agent) {
    if (agent.host_.fails_vip_adds()) {
      agent.finish_after(Duration{0}, token, core::Outcome::failure, "RTNETLINK: operation not permitted");
      return;
    }
    agent.host_.kernel().holds_address = true;
    agent.world_.changed();
    agent.announce();
    agent.finish_after(Duration{0}, token, core::Outcome::success);
  });
}

void Agent::release(const core::ReleaseVip& wanted) {
  if (world_.variant() == Variant::deaf_to_demotion) {
    finish_after(Duration{0}, wanted.token, core::Outcome::success);
    return;
  }
  const bool is_early = world_.variant() == Variant::drop_after_announce;
  if (is_early) {
    finish_after(Duration{0}, wanted.token, core::Outcome::success);
  }
  const Duration takes = vip_change_ends() * (is_early ? announced_early_factor : 1);
  later(takes, [token = wanted.token, is_early](Agent& agent) {
    agent.host_.kernel().holds_address = false;
    agent.world_.changed();
    if (!is_early) {
      agent.finish_after(Duration{0}, token, core::Outcome::success);
    }
  });
}

void Agent::announce() {
  // A burst, because one announcement may be lost on the way to the switch.
  constexpr Duration burst[] = {Duration{0}, std::chrono::milliseconds{10}, std::chrono::milliseconds{60},
                                std::chrono::milliseconds{250}, std::chrono::milliseconds{1000}};
  for (const Duration at : burst) {
    later(at, [](Agent& agent) {
      if (!agent.is_frozen_) {
        agent.world_.announce(agent.host_.self());
      }
    });
  }
}

void Agent::speak(const core::SpeakOnLan& said) {
  world_.speak_on_lan(host_.self(), said.word);
}

void Agent::set(const core::SetPermit& permit) {
  core::SetPermit kept = permit;
  if (world_.variant() == Variant::lease_too_long) {
    kept.until = kept.until + 2 * policy_.timeout;
  }
  host_.kernel().permit = kept;
  host_.permit_set();
}

void Agent::revoke() {
  if (world_.variant() != Variant::deaf_to_demotion) {
    host_.kernel().permit.reset();
  }
}

void Agent::persist(const core::PersistState& wanted) {
  World& world = world_;
  const NodeId self = host_.self();
  // The disk forgets what a dead writer asked for, so the agent found here is the one that asked.
  host_.disk().write(wanted.state, [&world, self, token = wanted.token](core::Outcome outcome) {
    world.host(self).agent()->post(
        core::ActionFinished{token, outcome, outcome == core::Outcome::success ? "" : "no space left on device"});
  });
}

void Agent::ask(const core::AskWitness& question) {
  if (world_.setup().witness_is_register) {
    register_client_.ask(question);
  } else {
    world_.witness().send(host_.self(), life_, question);
  }
}

void Agent::lead(const core::LeadData& wanted) {
  World& world = world_;
  host_.mirror().lead(wanted, life_, [&world, self = host_.self(), life = life_, token = wanted.token](bool is_done) {
    Agent* agent = world.host(self).agent();
    if (agent == nullptr || agent->life_ != life) return;
    const Duration delay = agent->prng_.within(world.setup().timing.vip_change);
    if (is_done) return agent->finish_after(delay, token, core::Outcome::success);
    agent->fail_to_lead_after(delay, token);
  });
}

void Agent::follow(const core::FollowData& wanted) {
  host_.mirror().follow(wanted, life_);
  finish_after(prng_.within(world_.setup().timing.vip_change), wanted.token, core::Outcome::success);
}

void Agent::allow_solo(const core::AllowSolo& allowed) {
  host_.mirror().allow_solo(allowed);
}

void Agent::release(const core::ReleaseData& wanted) {
  host_.mirror().release();
  finish_after(prng_.within(world_.setup().timing.vip_change), wanted.token, core::Outcome::success);
}

void Agent::hand_over(const core::HandOver& wanted) {
  constexpr std::uint32_t one_in_ten_ppm = 100'000;
  const bool fails = prng_.chance(one_in_ten_ppm);  // no room for the file, no answer of the guard
  finish_after(prng_.within(world_.setup().timing.guard_reaction), wanted.token,
               fails ? core::Outcome::failure : core::Outcome::success, fails ? "no space left on device" : "");
  if (fails) {
    return;
  }
  World& world = world_;
  const NodeId self = host_.self();
  later(world_.setup().timing.guard_reaction.most * 2, [&world, self, left = wanted.left](Agent&) {
    world.queue().after(Duration{0}, [&world, self, left, life = world.host(self).agent()->life()] {
      Host& host = world.host(self);
      if (host.agent() != nullptr && host.agent()->life() == life) {
        host.hand_over(left);
      }
    });
  });
}

void Agent::reply(const core::Reply&) {}
void Agent::note(const core::Note&) {}

}  // namespace clusteragent::simulation
