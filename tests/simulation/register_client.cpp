#include "tests/simulation/register_client.hpp"

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

// As EtcdClient: a request that is not answered by then is better made another way.
Duration request_limit(Duration lease) {
  return std::clamp<Duration>(lease / 2, milliseconds{20}, seconds{5});
}

}  // namespace

RegisterClient::RegisterClient(World& world, Host& host, std::uint64_t life, const core::Policy& policy)
    : world_{world},
      host_{host},
      life_{life},
      limit_{request_limit(policy.timeout)},
      conversation_{{"register", host.self(), policy.timeout}} {}

bool RegisterClient::is_frozen() const {
  return host_.agent()->is_frozen();
}

void RegisterClient::later(Duration delay, std::function<void(RegisterClient&)> work) {
  world_.queue().after(delay, [this, &world = world_, self = host_.self(), life = life_, work = std::move(work)] {
    const Agent* agent = world.host(self).agent();
    if (agent != nullptr && agent->life() == life) {
      work(*this);
    }
  });
}

void RegisterClient::ask(const core::AskWitness& question) {
  conversation_.ask(host_.local_now(), question);
  pump();
}

void RegisterClient::take(std::uint64_t number, const Response& response) {
  if (is_frozen()) {
    unread_.emplace_back(number, response);
  } else {
    process(number, response);
  }
}

void RegisterClient::thaw() {
  while (!unread_.empty()) {
    const auto [number, response] = std::move(unread_.front());
    unread_.pop_front();
    process(number, response);
  }
  pump();
}

void RegisterClient::process(std::uint64_t number, const Response& response) {
  if (number != number_ || !is_open_) {
    return;
  }
  is_open_ = false;
  const auto answered = conversation_.on_response(host_.local_now(), response);
  pump();
  if (answered) {
    host_.agent()->post(*answered);
  }
}

void RegisterClient::give_up(std::uint64_t number) {
  if (number != number_ || !is_open_) {
    return;
  }
  if (is_frozen()) {
    later(limit_, [number](RegisterClient& client) { client.give_up(number); });
    return;
  }
  is_open_ = false;
  conversation_.on_failure(host_.local_now());
  pump();
}

void RegisterClient::pump() {
  if (is_frozen()) {
    return;
  }
  if (const auto request = conversation_.due(host_.local_now())) {
    is_open_ = true;
    world_.witness().send(host_.self(), life_, ++number_, *request);
    later(limit_, [number = number_](RegisterClient& client) { client.give_up(number); });
    return;
  }
  const auto look_at = conversation_.next_look_at();
  if (!look_at || look_planned_ == look_at) {
    return;
  }
  look_planned_ = look_at;
  const TrueTime due = std::max(world_.now(), host_.kernel().clock.true_at(*look_at));
  later(due - world_.now() + microseconds{1}, [look_at](RegisterClient& client) {
    if (client.look_planned_ == look_at) {
      client.look_planned_.reset();
      client.pump();
    }
  });
}

}  // namespace clusteragent::simulation
