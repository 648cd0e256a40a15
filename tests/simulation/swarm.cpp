#include "tests/simulation/swarm.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

namespace clusteragent::simulation {
namespace {

using core::ScriptKind;
using enum FaultKind;

constexpr std::array<Profile, 12> all_profiles{{
    {"calm", "no faults but operator commands and scripts: never two holders", 10},
    {"single", "everything but a loss of every path: never two holders", 40},
    {"partition", "cuts of every path and everything else: doubles are found and healed", 25},
    {"chaos", "every fault, machines whose clocks stop with them included", 12},
    {"failover-off", "failover=\"off\": nothing moves unless the operator says so", 8},
    {"loss", "pulse 10 ms, timeout 50 ms, 25 % loss each way for 60 s: no role changes", 1},
    {"etcd", "as witness, with a register that compares and swaps as third voter", 0},
    {"witness", "every fault but clocks that stop, cuts of every network, and a third voter: never two holders", 40},
    {"mirror", "as witness, with data: nothing acknowledged is lost", 30},
    {"mirror-pair", "as single, with data and no third voter: nothing acknowledged is lost", 15},
    {"isolation", "frozen and killed agents only: the kernel's lease is what keeps the address single", 10},
    {"flapping", "a defaultprim and interfaces that flap: moves that nobody needs become rare", 3},
}};

constexpr std::uint32_t half = chance_always / 2;
constexpr std::uint32_t most = chance_always / 10 * 8;
constexpr std::uint32_t few = chance_always / 10;

void allow(Plan& plan, Prng& prng, std::initializer_list<FaultKind> kinds) {
  for (const FaultKind kind : kinds) {
    plan.is_on[static_cast<std::size_t>(kind)] = prng.chance(chance_always / 10 * 6);
  }
}

void draw_timing(Setup& setup, Prng prng) {
  constexpr std::array<int, 6> pulses_ms{10, 10, 20, 50, 100, 300};
  const milliseconds pulse{pulses_ms[prng.below(pulses_ms.size())]};
  const auto beats = prng.between(std::int64_t{3}, std::int64_t{10});
  core::Policy& policy = setup.policy;
  policy.pulse = pulse;
  policy.timeout = pulse * beats;
  const Duration timeout = policy.timeout;
  setup.plan.gap = {timeout / 2, 8 * timeout};
  setup.plan.brief = {milliseconds{1}, timeout / 2};
  setup.plan.lasting = {timeout, 8 * timeout};
  setup.plan.ends = std::max<Duration>(200 * timeout, seconds{5});
  setup.timing.agent_restart = {milliseconds{20}, 4 * timeout};
  policy.restart_grace = milliseconds{50} + prng.between(2 * timeout, 12 * timeout);
  setup.timing.agent_return = {milliseconds{20}, policy.restart_grace * 5 / 4};
  setup.timing.boot = {timeout, 10 * timeout};
  setup.timing.watch_poll = std::max<Duration>(2 * timeout, milliseconds{100});
  if (prng.chance(few)) {
    setup.timing.disk_write = {milliseconds{20}, milliseconds{400}};
  }
  if (prng.chance(few)) {
    setup.timing.script = {milliseconds{200}, seconds{2}};
  }
  // Short enough that a run sees holds begin and end.
  policy.hold_down = {std::max<Duration>(4 * timeout, seconds{2}), std::max<Duration>(32 * timeout, seconds{16}),
                      std::max<Duration>(200 * timeout, seconds{100})};
  // A script that behaves ends within its limit; one that hangs is a fault.
  const Duration longest = setup.timing.script.most + milliseconds{10};
  policy.start_limit = longest + prng.between(milliseconds{10}, seconds{4});
  policy.stop_limit = longest + prng.between(milliseconds{10}, seconds{2});
  policy.force_limit = longest + prng.between(milliseconds{10}, seconds{1});
  setup.timing.fence = {milliseconds{1}, 3 * timeout};
  policy.fence_limit = setup.timing.fence.most + prng.child("fence").between(milliseconds{10}, seconds{2});
  setup.probe_interval = std::max<Duration>(pulse / 2, milliseconds{10});
  // A node that failed to start the application waits up to a minute before it tries again; the rest is a few timeouts.
  setup.heal_limit = seconds{90} + 60 * timeout + policy.hold_down.longest;
  setup.quiet = std::max<Duration>(20 * timeout, seconds{3});
}

void draw_policy(Setup& setup, Prng prng) {
  core::Policy& policy = setup.policy;
  policy.node_names = {"A", "B"};
  for (std::size_t kind = 0; kind < static_cast<std::size_t>(ScriptKind::fence); kind++) {
    policy.has_script[kind] = prng.chance(half);
  }
  const bool has_service = prng.chance(most);
  policy.has_script[static_cast<std::size_t>(ScriptKind::start_prim)] = has_service;
  policy.has_script[static_cast<std::size_t>(ScriptKind::stop_prim)] = has_service;
  // Drawn apart, so that it shifts nothing that is drawn here.
  constexpr auto fence = static_cast<std::size_t>(ScriptKind::fence);
  policy.has_script[fence] = prng.child("fence").chance(half / 2);
  policy.restarts_max = static_cast<std::uint32_t>(prng.below(5));
  if (prng.chance(few)) {
    policy.restart_window = Duration{0};
  }
  if (prng.chance(half)) {
    policy.default_primary = NodeId{static_cast<std::uint8_t>(prng.below(hosts))};
  }
  if (prng.chance(half)) {
    policy.checked_interfaces = {"eth0"};
  }
  constexpr std::array<core::FailureAction, 3> actions{core::FailureAction::restart, core::FailureAction::stopstart,
                                                       core::FailureAction::stop};
  setup.failure_action = actions[prng.below(actions.size())];
}

void draw_networks(Setup& setup, Prng prng) {
  setup.paths = 1 + prng.below(paths_max);
  setup.safe_path = prng.below(setup.paths);
  const Duration pulse = setup.policy.pulse;
  for (std::size_t path = 0; path < setup.paths; path++) {
    LinkQuality& link = setup.links[path];
    link.delay.most = prng.between(microseconds{150}, std::max<Duration>(pulse / 10, microseconds{300}));
    if (path != setup.safe_path || !setup.promise.is_safe_path_kept) {
      link.loss_ppm = prng.chance(half) ? static_cast<std::uint32_t>(prng.below(chance_always / 4)) : 0;
    }
    link.duplicate_ppm = prng.chance(half) ? static_cast<std::uint32_t>(prng.below(few)) : 0;
    link.reorder_ppm = prng.chance(half) ? static_cast<std::uint32_t>(prng.below(few)) : 0;
    link.reorder_delay = prng.between(Duration{0}, 2 * pulse);
  }
  setup.garp_loss_ppm = prng.chance(half) ? few : 0;
}

void draw_hosts(Setup& setup, Prng prng) {
  constexpr std::int64_t rate_max_ppm = 10'000;  // 1 %
  for (std::size_t node = 0; node < hosts; node++) {
    HostSetup& host = setup.host[node];
    host.clock_rate_ppm = static_cast<std::int32_t>(prng.between(-rate_max_ppm, rate_max_ppm));
    host.boot_reading = Instant::from_nanoseconds(prng.between(std::int64_t{1'000'000}, std::int64_t{1} << 50U));
    host.has_guard = !prng.chance(few);
    host.guard_enforces_expiry = prng.chance(half);
    host.stall_keeps_frames = prng.chance(half);
    setup.starts_at[node] = prng.chance(half) ? TrueTime{0} : prng.between(Duration{0}, 4 * setup.policy.timeout);
  }
}

void draw_faults(Setup& setup, Prng prng) {
  Plan& plan = setup.plan;
  if (setup.profile == "calm") {
    allow(plan, prng,
          {agent_handover, maintenance, agent_shutdown, script_fails, script_hangs, script_ignores_term, service_dies,
           garp_lost, disk_hang});
    plan.is_on[static_cast<std::size_t>(operator_command)] = true;
    return;
  }
  if (setup.profile == "isolation") {
    allow(plan, prng, {host_stall, guard_dead, agent_handover});
    plan.is_on[static_cast<std::size_t>(agent_pause)] = true;
    plan.is_on[static_cast<std::size_t>(agent_crash)] = true;
    return;
  }
  if (setup.profile == "loss") {
    return;
  }
  if (setup.profile == "flapping") {
    allow(plan, prng, {agent_crash, path_loss});
    plan.is_on[static_cast<std::size_t>(link_flaps)] = true;
    return;
  }
  allow(plan, prng, {agent_crash,     host_crash,          agent_pause,   host_stall, path_cut,       path_cut_one_way,
                     path_loss,       slow_link,           flapping_path, disk_hang,  disk_full,      script_fails,
                     script_hangs,    script_ignores_term, service_dies,  garp_lost,  vip_taken_away, vip_add_fails,
                     stranger_on_vip, link_down,           guard_dead,    lan_cut,    lan_replay});
  if (setup.profile == "failover-off") {
    return;
  }
  allow(plan, prng, {operator_command, agent_shutdown, agent_handover, maintenance});
  if (setup.policy.has_witness) {
    allow(plan, prng, {all_cut, all_cut_one_way, witness_restart, witness_reboot, witness_cut, witness_loss});
    plan.ends_in_split = prng.chance(half);
    allow(plan, prng, {vote_race});
    plan.split_cuts_lan = prng.chance(half);
  }
  if (setup.profile == "partition" || setup.profile == "chaos") {
    allow(plan, prng, {all_cut, all_cut_one_way});
    plan.ends_in_split = prng.chance(half);
    plan.split_cuts_lan = prng.chance(half);
  }
  if (setup.profile == "chaos") {
    allow(plan, prng, {host_stall_clock_stops, other_version});
  }
}

void draw_data(Setup& setup, Prng prng) {
  const Duration timeout = setup.policy.timeout;
  DataSetup& data = setup.data;
  data.acknowledges_on_disk = prng.chance(half);
  if (prng.chance(few)) data.sync = {milliseconds{1}, milliseconds{60}};
  // A replica that is late with what it has received.
  data.apply.most = prng.chance(half) ? microseconds{200} : prng.between(Duration{milliseconds{1}}, timeout);
  data.compare.most = prng.between(Duration{milliseconds{1}}, std::max<Duration>(timeout, milliseconds{100}));
  data.retry = {milliseconds{1}, timeout};
  data.silence_limit = prng.between(timeout / 2, 2 * timeout);
  data.write_back = prng.between(4 * timeout, 60 * timeout);
  data.cut_ppm = prng.chance(half) ? static_cast<std::uint32_t>(prng.below(chance_always / 50)) : 0;
  allow(setup.plan, prng, {engine_crash, data_disk_full});
  data.lead_failure_ppm = prng.chance(few) ? static_cast<std::uint32_t>(prng.below(chance_always / 2)) : 0;
}

void draw_readers(Setup& setup, Prng prng) {
  core::ReaderPolicy& reader = setup.policy.reader;
  reader.is_configured = prng.chance(half);
  reader.needs_replica = reader.is_configured && prng.chance(half);
  reader.settle = prng.between(Duration{milliseconds{10}}, 4 * setup.policy.timeout);
  setup.replica_interval = std::clamp<Duration>(setup.policy.timeout, milliseconds{100}, seconds{1});
  const bool has_faults = setup.profile != "calm" && setup.profile != "isolation" && setup.profile != "flapping";
  if (reader.needs_replica && has_faults) {
    allow(setup.plan, prng, {replica_lags});
  }
}

void make_lossy(Setup& setup) {
  setup.policy.pulse = milliseconds{10};
  setup.policy.timeout = milliseconds{50};
  setup.timing = Timing{};
  setup.starts_at = {};
  setup.policy.start_limit = setup.policy.stop_limit = setup.policy.force_limit = seconds{1};
  setup.paths = 1;
  setup.links[0] = LinkQuality{};
  setup.links[0].loss_ppm = 250'000;
  setup.plan.ends = seconds{65};  // five to settle, sixty to stay
  setup.probe_interval = milliseconds{20};
  setup.quiet = seconds{3};
  setup.policy.default_primary.reset();
}

bool has_third_voter(std::string_view profile) {
  return profile == "witness" || profile == "etcd" || profile == "mirror";
}

void make_flapping(Setup& setup, Prng prng) {
  const Duration timeout = setup.policy.timeout;
  setup.policy.default_primary = NodeId{static_cast<std::uint8_t>(prng.below(hosts))};
  setup.policy.checked_interfaces = {"eth0"};
  setup.plan.ends = std::max<Duration>(200 * timeout, seconds{60});
  setup.plan.gap = {2 * timeout, std::max<Duration>(10 * timeout, seconds{6})};
}

Promise promise_of(std::string_view profile) {
  Promise promise;
  promise.is_single = profile == "calm" || profile == "single" || profile == "failover-off" || profile == "isolation" ||
                      profile == "flapping" || profile == "mirror-pair";
  promise.is_safe_path_kept = promise.is_single;
  promise.is_single |= has_third_voter(profile);
  promise.has_failovers = has_third_voter(profile) || profile == "mirror-pair" || profile == "single" ||
                          profile == "partition" || profile == "chaos" || profile == "isolation";
  promise.never_changes_roles = profile == "loss";
  promise.only_operator_promotes = profile == "failover-off";
  return promise;
}

std::string_view pick_profile(Prng& prng) {
  std::uint32_t total = 0;
  for (const Profile& profile : all_profiles) {
    total += profile.weight;
  }
  auto ticket = static_cast<std::uint32_t>(prng.below(total));
  for (const Profile& profile : all_profiles) {
    if (ticket < profile.weight) {
      return profile.name;
    }
    ticket -= profile.weight;
  }
  return all_profiles[0].name;
}

}  // namespace

std::span<const Profile> profiles() {
  return all_profiles;
}

bool is_profile(std::string_view name) {
  return name == "mixed" || std::any_of(all_profiles.begin(), all_profiles.end(),
                                        [name](const Profile& profile) { return profile.name == name; });
}

Setup draw(std::uint64_t seed, std::string_view profile, std::optional<Duration> until) {
  const Prng root{seed};
  Prng choice = root.child("profile");
  Setup setup;
  setup.seed = seed;
  setup.profile = std::string{profile == "mixed" ? pick_profile(choice) : profile};
  setup.promise = promise_of(setup.profile);
  setup.policy.has_witness = has_third_voter(setup.profile);
  setup.witness_is_register = setup.profile == "etcd";
  setup.policy.mirrors_data = setup.profile == "mirror" || setup.profile == "mirror-pair";
  setup.policy.failover = setup.profile != "failover-off";
  draw_timing(setup, root.child("timing"));
  draw_policy(setup, root.child("policy"));
  draw_networks(setup, root.child("networks"));
  draw_hosts(setup, root.child("hosts"));
  if (setup.profile == "loss") {
    make_lossy(setup);
  }
  if (setup.profile == "flapping") {
    make_flapping(setup, root.child("flapping"));
  }
  draw_faults(setup, root.child("faults"));
  // Under that loss a lease lapses now and then, which moves no role and is no fault.
  if (setup.profile != "loss") {
    draw_readers(setup, root.child("readers"));
  }
  if (setup.policy.mirrors_data) {
    draw_data(setup, root.child("data"));
  }
  if (until) {
    setup.plan.ends = std::min(setup.plan.ends, *until);
  }
  return setup;
}

}  // namespace clusteragent::simulation
