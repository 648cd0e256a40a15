#include "tests/simulation/nemesis.hpp"

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

constexpr std::uint32_t half = chance_always / 2;
constexpr std::uint32_t heavy_loss_ppm = 700'000;
constexpr int replays = 8;
constexpr Duration disk_hang_max = std::chrono::seconds{5};
constexpr Duration shutdown_poll = std::chrono::milliseconds{5};
constexpr Duration service_manager_patience = std::chrono::seconds{20};

}  // namespace

std::string_view name_of(FaultKind kind) {
  constexpr std::array<std::string_view, fault_kinds> names{
      "agent_crash",    "host_crash",          "agent_pause",      "host_stall",      "host_stall_clock_stops",
      "path_cut",       "path_cut_one_way",    "all_cut",          "all_cut_one_way", "path_loss",
      "slow_link",      "flapping_path",       "disk_hang",        "disk_full",       "script_fails",
      "script_hangs",   "script_ignores_term", "service_dies",     "garp_lost",       "vip_taken_away",
      "vip_add_fails",  "stranger_on_vip",     "link_down",        "guard_dead",      "other_version",
      "lan_cut",        "lan_replay",          "operator_command", "agent_shutdown",  "witness_restart",
      "witness_reboot", "witness_cut",         "witness_loss",     "vote_race",       "link_flaps",
      "agent_handover", "maintenance",         "engine_crash",     "data_disk_full",  "replica_lags"};
  return names[static_cast<std::size_t>(kind)];
}

Nemesis::Nemesis(World& world) : world_{world}, prng_{world.stream("nemesis")} {
  for (std::size_t kind = 0; kind < fault_kinds; kind++) {
    if (world.setup().plan.is_on[kind]) {
      kinds_.push_back(static_cast<FaultKind>(kind));
      if (kinds_.back() == FaultKind::operator_command) {
        kinds_.push_back(FaultKind::operator_command);  // seven verbs share one kind
      }
    }
  }
}

void Nemesis::begin() {
  if (!kinds_.empty()) {
    next();
  }
}

void Nemesis::next() {
  const Duration gap = prng_.within(world_.setup().plan.gap);
  if (world_.now() + gap >= world_.setup().plan.ends) {
    return;
  }
  world_.queue().after(gap, [this] {
    strike(kinds_[prng_.below(kinds_.size())]);
    next();
  });
}

Duration Nemesis::lasting() {
  const Duration left = world_.setup().plan.ends - world_.now();
  return std::min(left, prng_.within(world_.setup().plan.lasting));
}

Duration Nemesis::some_time() {
  const Duration left = world_.setup().plan.ends - world_.now();
  return prng_.chance(half) ? lasting() : std::min(left, prng_.within(world_.setup().plan.brief));
}

PathId Nemesis::some_path() {
  return PathId{static_cast<std::uint8_t>(prng_.below(world_.network().paths()))};
}

bool Nemesis::may_touch(PathId path) const {
  return !world_.setup().promise.is_safe_path_kept || path.value() != world_.setup().safe_path;
}

template <typename Begin, typename End>
void Nemesis::for_a_while(Duration lasts, Begin begin, End end) {
  begin();
  world_.queue().after(lasts, end);
}

void Nemesis::strike(FaultKind kind) {
  used_[static_cast<std::size_t>(kind)]++;
  const NodeId node{static_cast<std::uint8_t>(prng_.below(hosts))};
  world_.trace().line(world_.now(), letter_of(node), {static_cast<std::uint64_t>(kind)},
                      [&] { return fmt::format("## fault {}", name_of(kind)); });
  strike_machine(kind, node);
  strike_network(kind, node);
  strike_storage_and_scripts(kind, node);
  strike_address(kind, node);
  strike_witness(kind, node);
  if (kind == FaultKind::vote_race) {
    strike_votes();
  }
  if (kind == FaultKind::link_flaps) {
    strike_with_flaps(world_.host(node));
  }
  if (kind == FaultKind::operator_command) {
    strike_with_command(node);
  }
}

void Nemesis::strike_machine(FaultKind kind, NodeId node) {
  Host& host = world_.host(node);
  const Timing& timing = world_.setup().timing;
  switch (kind) {
    case FaultKind::agent_crash:
      host.kill_agent(prng_.within(timing.agent_restart));
      break;
    case FaultKind::agent_shutdown:
      shut_down(host);
      break;
    case FaultKind::agent_handover:
      world_.ask(node, core::Verb::hand_over);
      break;
    case FaultKind::maintenance:
      announce_maintenance(node);
      break;
    case FaultKind::host_crash:
      host.power_off();
      world_.queue().after(prng_.within(timing.boot), [&host] { host.power_on(); });
      break;
    case FaultKind::agent_pause:
      for_a_while(
          some_time(), [&] { host.pause_agent(); }, [&host] { host.resume_agent(); });
      break;
    case FaultKind::host_stall:
      for_a_while(
          some_time(), [&] { host.stall(false); }, [&host] { host.wake(); });
      break;
    case FaultKind::host_stall_clock_stops:
      for_a_while(
          some_time(), [&] { host.stall(true); }, [&host] { host.wake(); });
      break;
    case FaultKind::guard_dead:
      for_a_while(
          lasting(), [&] { host.set_guard(false); }, [&host] { host.set_guard(true); });
      break;
    case FaultKind::other_version:
      for_a_while(
          lasting(), [&] { host.speak_other_version(true); }, [&host] { host.speak_other_version(false); });
      break;
    default:
      break;
  }
}

void Nemesis::announce_maintenance(NodeId node) {
  core::OperatorRequest request;
  request.verb = prng_.chance(half / 2) ? core::Verb::maintenance_off : core::Verb::maintenance_on;
  request.lasts = lasting();
  world_.ask(node, std::move(request));
}

void Nemesis::shut_down(Host& host) {
  core::OperatorRequest stop;
  stop.verb = core::Verb::stop;
  stop.identity = "service manager";
  stop.is_shutdown = true;
  world_.ask(host.self(), std::move(stop));
  if (host.agent() != nullptr) {
    await_shutdown(host, host.agent()->life(), world_.now() + service_manager_patience);
  }
}

void Nemesis::await_shutdown(Host& host, std::uint64_t life, TrueTime limit) {
  const Agent* agent = host.agent();
  if (agent == nullptr || agent->life() != life || world_.is_healing()) {
    return;
  }
  // A frozen agent cannot leave by itself; the service manager's patience ends all the same.
  const bool has_stopped = !agent->is_frozen() && agent->view().state == core::ModuleState::stop;
  if (has_stopped || world_.now() >= limit) {
    host.kill_agent(prng_.within(world_.setup().timing.agent_restart));
    return;
  }
  world_.queue().after(shutdown_poll, [this, &host, life, limit] { await_shutdown(host, life, limit); });
}

void Nemesis::cut(NodeId from, PathId path, Duration lasts) {
  if (!may_touch(path)) {
    return;
  }
  Link& link = world_.network().link(from, path);
  link.cuts++;
  world_.queue().after(lasts, [&link] { link.cuts = std::max(0, link.cuts - 1); });
}

void Nemesis::cut_lan(Duration lasts) {
  world_.lan().cut(world_.now());
  world_.queue().after(lasts, [this] { world_.lan().join(world_.now()); });
}

void Nemesis::strike_network(FaultKind kind, NodeId node) {
  const NodeId peer = world_.peer_of(node).self();
  const PathId path = some_path();
  const Duration lasts = some_time();
  const bool is_two_way = kind == FaultKind::path_cut || kind == FaultKind::all_cut;
  switch (kind) {
    case FaultKind::path_cut:
    case FaultKind::path_cut_one_way:
      cut(node, path, lasts);
      if (is_two_way) {
        cut(peer, path, lasts);
      }
      break;
    case FaultKind::all_cut:
    case FaultKind::all_cut_one_way:
      for (std::uint8_t each = 0; each < world_.network().paths(); each++) {
        cut(node, PathId{each}, lasts);
        if (is_two_way) {
          cut(peer, PathId{each}, lasts);
        }
      }
      // The switch between the nodes is dead for clients as well, or it is not; then somebody may wonder why nobody
      // takes over, and say `prim`.
      if (prng_.chance(half)) {
        cut_lan(lasts);
      } else if (world_.setup().plan.is_on[static_cast<std::size_t>(FaultKind::operator_command)]) {
        world_.queue().after(lasts * 3 / 4, [this, node] { world_.ask(node, core::Verb::prim); });
      }
      break;
    case FaultKind::flapping_path: {
      constexpr int flaps = 6;
      for (int flap = 0; flap < flaps; flap++) {
        world_.queue().after(lasts / flaps * flap, [this, node, peer, path, lasts] {
          cut(node, path, lasts / (2 * flaps));
          cut(peer, path, lasts / (2 * flaps));
        });
      }
      break;
    }
    case FaultKind::path_loss:
    case FaultKind::slow_link:
      if (may_touch(path)) {
        Link& link = world_.network().link(node, path);
        const bool is_slow = kind == FaultKind::slow_link;
        link.extra_loss_ppm = is_slow ? link.extra_loss_ppm : heavy_loss_ppm;
        link.extra_delay = is_slow ? prng_.between(Duration{0}, world_.setup().policy.timeout / 2) : link.extra_delay;
        world_.queue().after(lasts, [&link, is_slow] {
          link.extra_loss_ppm = is_slow ? link.extra_loss_ppm : 0;
          link.extra_delay = is_slow ? Duration{0} : link.extra_delay;
        });
      }
      break;
    default:
      break;
  }
}

void Nemesis::strike_storage_and_scripts(FaultKind kind, NodeId node) {
  Host& host = world_.host(node);
  auto some_script = static_cast<core::ScriptKind>(prng_.below(core::script_kinds));
  // Rare among all scripts, and the one on which a take-over depends.
  constexpr auto fence = core::ScriptKind::fence;
  if (world_.setup().policy.has_script[static_cast<std::size_t>(fence)] && prng_.chance(half)) {
    some_script = fence;
  }
  ScriptBehaviour& behaviour = host.scripts().behaviour(some_script);
  switch (kind) {
    case FaultKind::disk_hang:
      host.disk().hang_until(world_.now() + prng_.between(Duration{0}, disk_hang_max));
      break;
    case FaultKind::disk_full:
      for_a_while(
          lasting(), [&] { host.disk().set_full(true); }, [&host] { host.disk().set_full(false); });
      break;
    case FaultKind::script_fails:
      for_a_while(
          lasting(), [&] { behaviour.fails = true; }, [&behaviour] { behaviour.fails = false; });
      break;
    case FaultKind::script_hangs:
      for_a_while(
          lasting(), [&] { behaviour.hangs = true; }, [&behaviour] { behaviour.hangs = false; });
      break;
    case FaultKind::script_ignores_term:
      for_a_while(
          lasting(), [&] { behaviour.hangs = behaviour.ignores_term = true; },
          [&behaviour] { behaviour.hangs = behaviour.ignores_term = false; });
      break;
    case FaultKind::engine_crash:
      host.mirror().crash();
      break;
    case FaultKind::data_disk_full:
      for_a_while(
          lasting(), [&] { host.mirror().set_full(true); }, [&host] { host.mirror().set_full(false); });
      break;
    case FaultKind::replica_lags: {
      constexpr std::array ways{ReplicaState::late, ReplicaState::broken, ReplicaState::unsaid};
      const ReplicaState way = ways[prng_.below(ways.size())];
      for_a_while(
          lasting(), [&] { host.set_replica(way); }, [&host] { host.set_replica(ReplicaState::follows); });
      break;
    }
    case FaultKind::service_dies:
      host.kill_service();
      if (host.agent() != nullptr) {
        host.agent()->standby_process_died();
      }
      break;
    default:
      break;
  }
}

void Nemesis::strike_address(FaultKind kind, NodeId node) {
  Host& host = world_.host(node);
  switch (kind) {
    case FaultKind::garp_lost:
      for_a_while(
          some_time(), [&] { world_.set_garp_loss(half); },
          [this] { world_.set_garp_loss(world_.setup().garp_loss_ppm); });
      break;
    case FaultKind::lan_cut:
      cut_lan(some_time());
      break;
    case FaultKind::lan_replay:
      for (int turn = 0; turn < replays; turn++) {
        world_.queue().after(turn * milliseconds{1}, [this] { world_.replay_on_lan(prng_); });
      }
      break;
    case FaultKind::vip_taken_away:
      host.take_address_away();
      break;
    case FaultKind::vip_add_fails:
      for_a_while(
          lasting(), [&] { host.fail_vip_adds(true); }, [&host] { host.fail_vip_adds(false); });
      break;
    case FaultKind::stranger_on_vip:
      if (host.agent() != nullptr) {
        host.agent()->post(core::VipConflict{"10.0.0.100", "02:00:00:00:00:99"});
      }
      break;
    case FaultKind::link_down: {
      // The first heartbeat network shares the clients' interface.
      const Duration lasts = some_time();
      host.set_link(false);
      cut(node, PathId{0}, lasts);
      cut(world_.peer_of(node).self(), PathId{0}, lasts);
      world_.queue().after(lasts, [&host] { host.set_link(true); });
      break;
    }
    default:
      break;
  }
}

void Nemesis::strike_witness(FaultKind kind, NodeId node) {
  Witness& witness = world_.witness();
  switch (kind) {
    case FaultKind::witness_restart:
      witness.restart(some_time());
      break;
    case FaultKind::witness_reboot:
      witness.reboot(some_time());
      break;
    case FaultKind::witness_cut:
      witness.cut(node, some_time());
      break;
    case FaultKind::witness_loss:
      for_a_while(
          lasting(), [&] { witness.set_loss(node, heavy_loss_ppm); }, [&witness, node] { witness.set_loss(node, 0); });
      break;
    default:
      break;
  }
}

void Nemesis::strike_with_command(NodeId node) {
  constexpr std::array<core::Verb, 7> verbs{core::Verb::start, core::Verb::stop,      core::Verb::restart,
                                            core::Verb::swap,  core::Verb::stopstart, core::Verb::prim,
                                            core::Verb::second};
  core::OperatorRequest request;
  const core::Verb verb = request.verb = verbs[prng_.below(verbs.size())];
  // Force is how an operator accepts two primaries; where one is promised, he does not.
  const bool is_bold = prng_.chance(half) && !world_.setup().promise.is_single;
  request.force = is_bold && verb == core::Verb::prim;
  // `-i`: asked by a script or checker of the module, which counts against the restart budget.
  const bool can_be_script = verb == core::Verb::restart || verb == core::Verb::stopstart || verb == core::Verb::stop;
  if (prng_.chance(half / 2) && can_be_script) {
    request.identity = "checker";
  }
  world_.ask(node, request);
  if (verb == core::Verb::stop || verb == core::Verb::second) {
    world_.queue().after(some_time(), [this, node] { world_.ask(node, core::Verb::start); });
  }
}

void Nemesis::heal() {
  world_.network().heal(true);
  world_.lan().heal(world_.now());
  world_.set_garp_loss(0);
  world_.witness().heal();
  for (std::uint8_t node = 0; node < hosts; node++) {
    Host& host = world_.host(NodeId{node});
    host.disk().set_full(false);
    host.mirror().set_full(false);
    host.mirror().set_unable_to_lead(false);
    host.disk().hang_until(TrueTime{0});
    host.scripts().behave();
    host.set_guard(true);
    host.fail_vip_adds(false);
    host.speak_other_version(false);
    host.set_link(true);
    host.wake();
    host.resume_agent();
    host.power_on();
    host.start_agent();
  }
}

}  // namespace clusteragent::simulation
