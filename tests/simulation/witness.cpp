#include "tests/simulation/witness.hpp"

#include <algorithm>

#include "agent/core/names.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr std::int64_t rate_max_ppm = 10'000;  // 1 %, as the hosts

std::int32_t draw_rate(Prng prng) {
  return static_cast<std::int32_t>(prng.between(-rate_max_ppm, rate_max_ppm));
}

}  // namespace

Witness::Witness(World& world)
    : world_{world},
      prng_{world.stream("witness")},
      clock_{Instant::from_nanoseconds(1'000'000'000), draw_rate(world.stream("witness clock")), TrueTime{0}} {
  begin_life({}, {});
}

Instant Witness::local_now() const {
  return clock_.local(world_.now());
}

void Witness::begin_life(std::optional<core::Promise> promise, Instant silent_until) {
  voter_.emplace(durable_, promise, silent_until);
  being_stored_ = durable_;
  life_++;
}

bool Witness::passes(NodeId node) {
  const Line& line = lines_[node.value()];
  const bool is_lost = prng_.chance(line.loss_ppm);
  return line.cuts == 0 && !is_lost;
}

void Witness::send(NodeId from, std::uint64_t life, const core::AskWitness& ask) {
  const Duration delay = prng_.within(world_.setup().witness_delay);
  if (!passes(from)) {
    return;
  }
  world_.queue().after(delay, [this, from, life, ask] { take(from, life, ask); });
}

core::WitnessAnswer Witness::decide(const core::WitnessRequest& request) {
  const core::Voter::Decision decision = voter_->decide(local_now(), request);
  const bool is_promised_away = decision.answer.refusal == core::Refusal::promised;
  if (is_promised_away && world_.variant() == Variant::promises_ignored) {
    voter_.emplace(voter_->state());
    return voter_->decide(local_now(), request).answer;
  }
  return decision.answer;
}

void Witness::take(NodeId from, std::uint64_t life, const core::AskWitness& ask) {
  if (!voter_) {
    return;
  }
  const core::WitnessAnswered answered{ask.ask, decide(ask.request)};
  world_.trace().line(world_.now(), 'W', {ask.ask, answered.answer.is_granted ? 1U : 0U}, [&] {
    return fmt::format("{} asks {} of epoch {}: {}", letter_of(from), core::name_of(ask.request.verb),
                       ask.request.record.epoch.value(), answered.answer.is_granted ? "granted" : "refused");
  });
  // Nothing is said that is not stored, and what is asked meanwhile waits for it.
  if (!(voter_->state() == being_stored_)) {
    being_stored_ = voter_->state();
    disk_free_at_ = std::max(disk_free_at_, world_.now()) + prng_.within(world_.setup().timing.disk_write);
  }
  const core::VoterState stored = voter_->state();
  const Duration wait = std::max(disk_free_at_, world_.now()) - world_.now();
  world_.queue().after(wait, [this, from, life, answered, stored, own_life = life_] {
    if (!voter_ || life_ != own_life) {
      return;
    }
    durable_ = stored;
    answer(from, life, answered);
  });
}

void Witness::answer(NodeId to, std::uint64_t life, const core::WitnessAnswered& answered) {
  const Duration delay = prng_.within(world_.setup().witness_delay);
  if (!passes(to)) {
    return;
  }
  world_.queue().after(delay, [this, to, life, answered] {
    Agent* agent = world_.host(to).agent();
    if (agent != nullptr && agent->life() == life) {
      agent->post(answered);
    }
  });
}

void Witness::send(NodeId from, std::uint64_t life, std::uint64_t number, const witness::RegisterRequest& request) {
  const Duration delay = prng_.within(world_.setup().witness_delay);
  if (!passes(from)) {
    return;
  }
  world_.queue().after(delay, [this, from, life, number, request] { carry_out(from, life, number, request); });
}

void Witness::carry_out(NodeId from, std::uint64_t life, std::uint64_t number,
                        const witness::RegisterRequest& request) {
  if (!voter_) {
    return;
  }
  const auto* swap = std::get_if<witness::Swap>(&request);
  const bool is_same = swap != nullptr && swap->mod_revision == register_.mod_revision;
  const bool takes = is_same || (swap != nullptr && world_.variant() == Variant::swap_blind);
  if (takes) {
    register_.value = swap->value;
    register_.mod_revision = ++register_.revision;
  }
  witness::RegisterConversation::Response response{register_, takes};
  world_.trace().line(world_.now(), 'W', {number, takes ? 1U : 0U}, [&] {
    return fmt::format("{} {} revision {}: {}", letter_of(from),
                       takes ? "makes" : (swap != nullptr ? "loses the race to" : "reads"), register_.mod_revision,
                       register_.value);
  });
  if (world_.variant() == Variant::observation_ignored) {
    auto value = *witness::decode_register(register_.value);
    if (value.promise && value.promise->holder != from) {
      value.promise.reset();
      response.reading.value = witness::encode_register(value);
    }
  }
  const Duration disk = takes ? prng_.within(world_.setup().timing.disk_write) : Duration{0};
  const Duration delay = disk + prng_.within(world_.setup().witness_delay);
  world_.queue().after(delay, [this, from, life, number, response, own_life = life_] {
    Agent* agent = world_.host(from).agent();
    if (voter_ && life_ == own_life && passes(from) && agent != nullptr && agent->life() == life) {
      agent->registered(number, response);
    }
  });
}

void Witness::stop() {
  if (voter_) {
    kept_promise_ = voter_->promise();
    voter_.reset();
  }
}

void Witness::start() {
  if (!voter_) {
    begin_life(kept_promise_, {});
  }
}

void Witness::restart(Duration back_in) {
  if (!voter_) {
    return;
  }
  stop();
  world_.queue().after(back_in, [this] { start(); });
}

void Witness::reboot(Duration back_in) {
  if (!voter_) {
    return;
  }
  voter_.reset();
  world_.queue().after(back_in, [this] {
    const bool is_silent = world_.variant() != Variant::talks_after_reboot;
    begin_life({}, is_silent ? local_now() + durable_.lease_max : Instant{});
  });
}

void Witness::cut(NodeId node, Duration lasts) {
  Line& line = lines_[node.value()];
  line.cuts++;
  world_.queue().after(lasts, [&line] { line.cuts = std::max(0, line.cuts - 1); });
}

void Witness::heal() {
  for (Line& line : lines_) {
    line = {};
  }
}

}  // namespace clusteragent::simulation
