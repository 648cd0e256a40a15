#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

#include "agent/core/names.hpp"

namespace clusteragent::simulation {

World::World(Setup setup, Variant variant, TraceMode mode)
    : setup_{std::move(setup)},
      variant_{variant},
      prng_{setup_.seed},
      garp_prng_{prng_.child("garp")},
      lan_prng_{prng_.child("lan")},
      trace_{mode},
      network_{queue_, prng_.child("network"), setup_,
               [this](NodeId to, PathId path, const Packet& packet) { host(to).packet_arrived(path, packet); }},
      garp_loss_ppm_{setup_.garp_loss_ppm},
      data_client_{prng_.child("data client")} {
  for (std::uint8_t node = 0; node < hosts; node++) {
    hosts_[node] = std::make_unique<Host>(*this, NodeId{node});
  }
  for (std::uint8_t node = 0; node < hosts; node++) {
    queue_.at(setup_.starts_at[node], [this, node] {
      host(NodeId{node}).start_agent();
      if (setup_.starts_by_operator) {
        ask(NodeId{node}, core::Verb::start);
      }
    });
  }
  probe();
  if (setup_.policy.mirrors_data) {
    write();
    // Which node has the data is the operator's to say, once.
    if (setup_.starts_by_operator)
      queue_.after(setup_.starts_at[0] + setup_.policy.timeout, [this] { ask(NodeId{0}, core::Verb::prim); });
  }
}

void World::run_until(TrueTime end) {
  while (!violation_ && !queue_.is_empty() && queue_.next_time() <= end) {
    queue_.run_next();
  }
  if (!violation_) {
    queue_.skip_to(end);
  }
}

void World::begin_healing() {
  is_healing_ = true;
  trace_.line(now(), '*', {1}, [] { return "healing begins"; });
  tell([&](Observer& observer) { observer.on_heal(*this); });
}

void World::fail(std::string rule, std::string text) {
  if (violation_) {
    return;
  }
  trace_.line(now(), '!', {number_of(text)}, [&] { return fmt::format("{} broken: {}", rule, text); });
  violation_ = Violation{std::move(rule), std::move(text), now()};
}

std::size_t World::answering() const {
  std::size_t count = 0;
  for (const auto& one : hosts_) {
    count += one->kernel().answers(now()) ? 1U : 0U;
  }
  return count;
}

std::optional<NodeId> World::only_holder() const {
  if (answering() != 1) {
    return std::nullopt;
  }
  return hosts_[0]->kernel().answers(now()) ? NodeId{0} : NodeId{1};
}

std::size_t World::answering_readers() const {
  return static_cast<std::size_t>(std::count_if(
      hosts_.begin(), hosts_.end(), [this](const auto& one) { return one->kernel().answers_readers(now()); }));
}

void World::ask(NodeId node, core::Verb verb) {
  core::OperatorRequest request;
  request.verb = verb;
  ask(node, std::move(request));
}

void World::ask(NodeId node, core::OperatorRequest request) {
  Agent* agent = host(node).agent();
  if (agent == nullptr) {
    return;
  }
  request.request = RequestId{next_request_++};
  request.asked_by = "root";
  agent->post(std::move(request));
}

void World::announce(NodeId owner) {
  const Kernel& kernel = host(owner).kernel();
  const bool is_lost = garp_prng_.chance(garp_loss_ppm_);
  // Without a permit the kernel drops ARP for the address in both directions.
  if (is_lost || !kernel.has_link || !kernel.answers(now())) {
    return;
  }
  if (lan_.believed_owner() != owner) {
    trace_.line(now(), letter_of(owner), {owner.value()}, [] { return "** the switch learns the VIP here"; });
  }
  lan_.announced(owner);
}

void World::speak_on_lan(NodeId from, const core::LanWord& word) {
  const Kernel& kernel = host(from).kernel();
  const bool is_lost = lan_prng_.chance(garp_loss_ppm_) || lan_.is_cut() || !kernel.has_link;
  // The shell holds back what the permit no longer covers.
  if (is_lost || kernel.is_stalled || (word.holds_vip && !kernel.has_live_permit(now()))) {
    return;
  }
  lan_.record(from, word);
  queue_.after(lan_prng_.between(microseconds{100}, microseconds{400}),
               [this, from, word] { peer_of(from).word_arrived(word); });
}

void World::replay_on_lan(Prng& prng) {
  if (!lan_.recorded().empty()) {
    const auto [from, word] = lan_.recorded()[prng.below(lan_.recorded().size())];
    peer_of(from).word_arrived(word);
  }
}

std::optional<TrueTime> World::lan_carries_since() const {
  TrueTime since = lan_.disturbed_at();
  for (const auto& one : hosts_) {
    if (lan_.is_cut() || !one->kernel().has_link || !one->is_active()) {
      return std::nullopt;
    }
    since = std::max(since, one->active_since());
  }
  return since;
}

void World::changed() {
  tell([&](Observer& observer) { observer.on_change(*this); });
}

void World::probe() {
  queue_.after(setup_.probe_interval, [this] {
    const auto owner = lan_.believed_owner();
    const bool is_served = owner && host(*owner).kernel().answers(now()) && host(*owner).kernel().has_link;
    if (is_served) {
      served_at_ = now();
    } else if (now() - served_at_ > Lan::ask_again_after) {
      if (const auto holder = only_holder(); holder && host(*holder).kernel().has_link) {
        lan_.announced(*holder);
      }
    }
    tell([&](Observer& observer) { observer.on_probe(*this, is_served); });
    probe();
  });
}

// Wherever a kernel answers, not only where the switch sends clients: the worst of them is what counts.
void World::write() {
  queue_.after(setup_.policy.timeout / 5, [this] {
    for (const auto& one : hosts_) {
      if (one->kernel().answers(now()) && one->mirror().leads()) {
        data_client_.take_turn(one->mirror());
      }
    }
    write();
  });
}

}  // namespace clusteragent::simulation
