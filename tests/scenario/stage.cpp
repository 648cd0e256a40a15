#include "tests/scenario/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "agent/core/names.hpp"
#include "tests/simulation/describe.hpp"

namespace clusteragent::scenario {
namespace {

using simulation::Host;
using simulation::milliseconds;
using simulation::seconds;

Error wrong(const std::string& what) {
  return Error{ErrorCode::usage, what};
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream input{line};
  std::vector<std::string> words;
  for (std::string word; input >> word;) {
    words.push_back(word);
  }
  return words;
}

std::optional<Duration> duration_of(const std::string& text) {
  char* unit = nullptr;
  const double number = std::strtod(text.c_str(), &unit);
  if (unit == text.c_str()) {
    return std::nullopt;
  }
  const std::string_view name{unit};
  if (name == "ms") {
    return Duration{static_cast<std::int64_t>(number * 1e6)};
  }
  return name == "s" ? std::optional{Duration{static_cast<std::int64_t>(number * 1e9)}} : std::nullopt;
}

std::optional<NodeId> node_of(const std::string& text) {
  if (text == "A" || text == "B") {
    return NodeId{static_cast<std::uint8_t>(text == "A" ? 0 : 1)};
  }
  return std::nullopt;
}

std::optional<core::Verb> verb_of(const std::string& text) {
  using core::Verb;
  for (const Verb verb : {Verb::start, Verb::stop, Verb::restart, Verb::stopstart, Verb::swap, Verb::prim, Verb::second,
                          Verb::acknowledge}) {
    if (core::name_of(verb) == text) {
      return verb;
    }
  }
  return std::nullopt;
}

std::optional<core::ScriptKind> script_of(const std::string& text) {
  for (std::size_t kind = 0; kind < core::script_kinds; kind++) {
    if (core::name_of(static_cast<core::ScriptKind>(kind)) == text) {
      return static_cast<core::ScriptKind>(kind);
    }
  }
  return std::nullopt;
}

std::optional<simulation::ReplicaState> replica_of(const std::string& text) {
  using simulation::ReplicaState;
  if (text == "follows") return ReplicaState::follows;
  if (text == "late") return ReplicaState::late;
  if (text == "broken") return ReplicaState::broken;
  if (text == "silent") return ReplicaState::unsaid;
  return std::nullopt;
}

simulation::Span exactly(Duration duration) {
  return {duration, duration};
}

}  // namespace

Stage::Stage() {
  setup_.policy.node_names = {"A", "B"};
  setup_.policy.pulse = milliseconds{100};
  setup_.policy.timeout = milliseconds{500};
  setup_.policy.start_limit = setup_.policy.stop_limit = setup_.policy.force_limit = seconds{5};
  setup_.starts_by_operator = false;
  setup_.quiet = seconds{1};
  simulation::Timing& timing = setup_.timing;
  timing.timer_late = exactly(Duration{0});
  timing.disk_write = exactly(milliseconds{1});
  timing.vip_change = exactly(milliseconds{1});
  timing.guard_reaction = exactly(milliseconds{1});
  timing.kill = exactly(milliseconds{5});
  timing.script = timing.fence = exactly(milliseconds{20});
  timing.boot = exactly(seconds{5});
  timing.death_notice = exactly(milliseconds{1});
  for (auto& link : setup_.links) {
    link.delay = exactly(std::chrono::microseconds{200});
  }
  for (const core::ScriptKind kind :
       {core::ScriptKind::prestart, core::ScriptKind::start_prim, core::ScriptKind::stop_prim}) {
    setup_.policy.has_script[static_cast<std::size_t>(kind)] = true;
  }
}

void Stage::raise_curtain() {
  if (world_) {
    return;
  }
  world_ = std::make_unique<simulation::World>(setup_, simulation::Variant::none, simulation::TraceMode::hash_only);
  rules_ = simulation::make_invariants(setup_);
  world_->add_observer(recorder_);
  for (const auto& rule : rules_) {
    world_->add_observer(*rule);
  }
  if (absent_) {
    world_->host(*absent_).power_off();
  }
  world_->run_until(Duration{0});
}

std::vector<std::string> Stage::take_reaction() {
  if (world_ && world_->violation() && !has_reported_violation_) {
    has_reported_violation_ = true;
    recorder_.say(*world_, '!', world_->violation()->rule + " broken: " + world_->violation()->text);
  }
  return recorder_.take_lines();
}

Status Stage::carry_out(const std::string& line) {
  const Words words = words_of(line);
  if (words.empty()) {
    return wrong("an empty command");
  }
  if (words[0] == "cluster") {
    return set_up(words);
  }
  raise_curtain();
  return act_on_world(words);
}

Status Stage::set_up(const Words& words) {
  if (world_) {
    return wrong("`cluster` comes first");
  }
  for (std::size_t index = 1; index < words.size(); index++) {
    const auto equals = words[index].find('=');
    if (equals == std::string::npos) {
      return wrong(words[index] + " is no option");
    }
    if (Status done = option(words[index].substr(0, equals), words[index].substr(equals + 1)); !done) {
      return done;
    }
  }
  return success();
}

Status Stage::option(const std::string& key, const std::string& value) {
  const auto duration = duration_of(value);
  core::Policy& policy = setup_.policy;
  if (key == "pulse" && duration) {
    policy.pulse = *duration;
  } else if (key == "timeout" && duration) {
    policy.timeout = *duration;
  } else if (key == "restarts" && duration) {
    setup_.timing.agent_restart = exactly(*duration);
  } else if (key == "limit" && duration) {
    policy.start_limit = policy.stop_limit = policy.force_limit = policy.fence_limit = *duration;
  } else if (key == "paths") {
    setup_.paths = static_cast<std::size_t>(std::clamp(std::atoi(value.c_str()), 1, 3));
  } else if (key == "failover") {
    policy.failover = value == "on";
  } else if (key == "defaultprim") {
    policy.default_primary = node_of(value);
  } else if (key == "maxloop") {
    policy.restarts_max = static_cast<std::uint32_t>(std::atoi(value.c_str()));
  } else if (key == "check") {
    policy.checked_interfaces = {value};
  } else if (key == "scripts" && (value == "all" || value == "none")) {
    policy.has_script.fill(value == "all");
    policy.has_script[static_cast<std::size_t>(core::ScriptKind::fence)] = false;
  } else if (key == "fence") {
    policy.has_script[static_cast<std::size_t>(core::ScriptKind::fence)] = value == "on";
  } else if (key == "absent" && node_of(value)) {
    absent_ = node_of(value);
  } else if (key == "readers") {
    policy.reader.is_configured = value != "off";
    policy.reader.needs_replica = value == "replica";
    policy.reader.settle = seconds{1};
  } else if (key == "mirror") {
    policy.mirrors_data = value == "on";
  } else if (key == "witness") {
    // Ping targets are played by the same machine, which answers whoever reaches it.
    policy.asks_ping = value == "ping";
    policy.has_witness = setup_.promise.is_single = value == "on";
  } else if (key == "guard") {
    setup_.host[0].has_guard = setup_.host[1].has_guard = value == "on";
  } else if (key == "errd") {
    setup_.failure_action = value == "stop"        ? core::FailureAction::stop
                            : value == "stopstart" ? core::FailureAction::stopstart
                                                   : core::FailureAction::restart;
  } else {
    return wrong(key + "=" + value + " is no option of `cluster`");
  }
  return success();
}

Status Stage::act_on_world(const Words& words) {
  const std::string& word = words[0];
  if (word == "run" && words.size() == 2) {
    const auto duration = duration_of(words[1]);
    if (!duration) {
      return wrong(words[1] + " is no duration");
    }
    world_->run_until(world_->now() + *duration);
    return success();
  }
  if ((word == "cut" || word == "join") && words.size() == 2 && words[1] == "lan") {
    word == "cut" ? world_->lan().cut(world_->now()) : world_->lan().join(world_->now());
    return success();
  }
  if (word == "cut" || word == "join") {
    return cut(words, word == "cut" ? 1 : -1);
  }
  if (word == "status") {
    report_status();
    return success();
  }
  if (word == "witness") {
    return act_on_witness(words);
  }
  const auto node = words.size() > 1 ? node_of(words[1]) : std::nullopt;
  if (!node) {
    return wrong("`" + word + "` needs a node, A or B");
  }
  if (const auto verb = verb_of(word)) {
    return ask(words, *verb);
  }
  return act_on_host(words, world_->host(*node));
}

Status Stage::ask(const Words& words, core::Verb verb) {
  core::OperatorRequest request;
  request.verb = verb;
  request.force = std::find(words.begin(), words.end(), "--force") != words.end();
  const auto identity = std::find(words.begin(), words.end(), "-i");
  if (identity != words.end() && identity + 1 != words.end()) {
    request.identity = *(identity + 1);
  }
  world_->ask(*node_of(words[1]), request);
  return success();
}

Status Stage::cut(const Words& words, int change) {
  // cut A->B, cut B->A, cut A<->B, each with an optional path number
  if (words.size() < 2) {
    return wrong("cut what?");
  }
  const bool from_a = words[1] == "A->B" || words[1] == "A<->B";
  const bool from_b = words[1] == "B->A" || words[1] == "A<->B";
  if (!from_a && !from_b) {
    return wrong(words[1] + " is no direction");
  }
  for (std::uint8_t path = 0; path < world_->network().paths(); path++) {
    if (words.size() > 2 && std::to_string(path) != words[2]) {
      continue;
    }
    for (const auto& [node, is_cut] : {std::pair{NodeId{0}, from_a}, std::pair{NodeId{1}, from_b}}) {
      int& cuts = world_->network().link(node, PathId{path}).cuts;
      cuts = std::max(0, cuts + (is_cut ? change : 0));
    }
  }
  return success();
}

Status Stage::act_on_witness(const Words& words) {
  // witness down | up | reboot | cut A | join A
  simulation::Witness& witness = world_->witness();
  const std::string how = words.size() > 1 ? words[1] : "";
  const NodeId node = words.size() > 2 ? node_of(words[2]).value_or(NodeId{0}) : NodeId{0};
  if (how == "down") {
    witness.stop();
  } else if (how == "up") {
    witness.start();
  } else if (how == "reboot") {
    witness.reboot(milliseconds{100});
  } else if ((how == "cut" || how == "join") && words.size() > 2) {
    witness.set_cut(node, how == "cut");
  } else {
    return wrong("`witness " + how + "` is no command");
  }
  return success();
}

Status Stage::act_on_host(const Words& words, Host& host) {
  const std::string& word = words[0];
  if (word == "power-off") {
    host.power_off();
  } else if (word == "power-on") {
    host.power_on();
  } else if (word == "kill") {
    const bool returns = words.size() > 2 && duration_of(words[2]);
    host.kill_agent(returns ? duration_of(words[2]) : std::nullopt);
  } else if (word == "start-agent") {
    host.start_agent();
  } else if (word == "pause") {
    host.pause_agent();
  } else if (word == "resume") {
    host.resume_agent();
  } else if (word == "stall") {
    host.stall(words.size() > 2 && words[2] == "with-clock");
  } else if (word == "wake") {
    host.wake();
  } else {
    return act_on_parts(words, host);
  }
  world_->changed();
  return success();
}

Status Stage::act_on_parts(const Words& words, Host& host) {
  const std::string& word = words[0];
  const std::string how = words.size() > 2 ? words[2] : "";
  if (word == "script") {
    return script(words, host);
  }
  if (word == "application" && how == "dies") {
    host.kill_service();
  } else if (word == "disk" && how == "hangs" && words.size() > 3 && duration_of(words[3])) {
    host.disk().hang_until(world_->now() + *duration_of(words[3]));
  } else if (word == "disk" && (how == "full" || how == "ok")) {
    host.disk().set_full(how == "full");
  } else if (word == "data" && (how == "unfit" || how == "fit")) {
    host.mirror().set_unable_to_lead(how == "unfit");
  } else if (word == "replica" && replica_of(how)) {
    host.set_replica(*replica_of(how));
  } else if (word == "link" && (how == "up" || how == "down")) {
    host.set_link(how == "up");
  } else if (word == "vip" && how == "vanishes") {
    host.take_address_away();
  } else if (word == "vip" && (how == "add-fails" || how == "ok")) {
    host.fail_vip_adds(how == "add-fails");
  } else if (word == "stranger") {
    host.agent()->post(core::VipConflict{"10.0.0.100", "02:00:00:00:00:99"});
  } else if (word == "version" && (how == "other" || how == "same")) {
    host.speak_other_version(how == "other");
  } else if (word == "guard" && (how == "dies" || how == "ok")) {
    host.set_guard(how == "ok");
  } else {
    return wrong("`" + word + " " + how + "` is no command");
  }
  world_->changed();
  return success();
}

Status Stage::script(const Words& words, Host& host) {
  // script A start_prim fails | hangs | takes 2s | ok
  const auto kind = words.size() > 3 ? script_of(words[2]) : std::nullopt;
  if (!kind) {
    return wrong("`script` needs a node, a script and what it does");
  }
  simulation::ScriptBehaviour& behaviour = host.scripts().behaviour(*kind);
  behaviour = {};
  if (words[3] == "fails") {
    behaviour.fails = true;
  } else if (words[3] == "hangs") {
    behaviour.hangs = true;
  } else if (words[3] == "takes" && words.size() > 4 && duration_of(words[4])) {
    behaviour.takes = duration_of(words[4]);
  } else if (words[3] != "ok") {
    return wrong(words[3] + " is nothing that a script does");
  }
  return success();
}

void Stage::report_status() {
  for (std::uint8_t node = 0; node < simulation::hosts; node++) {
    const Host& host = world_->host(NodeId{node});
    if (host.agent() == nullptr) {
      recorder_.say(*world_, simulation::letter_of(NodeId{node}), "= no agent");
      continue;
    }
    const core::View& view = host.agent()->view();
    std::string text = "= " + simulation::describe_state(view);
    text += fmt::format(", epoch {}", view.record.epoch.value());
    text += host.kernel().answers(world_->now()) ? ", answers for the virtual IP" : "";
    text += host.kernel().runs_service ? ", application runs" : "";
    text += view.diverged_epoch == Epoch{} ? "" : fmt::format(", diverged under {}", view.diverged_epoch.value());
    text += host.kernel().answers_readers(world_->now()) ? ", answers for the readers' address" : "";
    text += view.reader.why.empty() ? "" : fmt::format(", readers: {}", view.reader.why);
    text += view.is_promotable ? "" : fmt::format(", not promotable: {}", core::describe(view.blocked));
    text += view.doing.starts_with("fencing") ? ", doing: " + view.doing : "";
    text += view.next_try_at ? fmt::format(", next try in {} ms", to_milliseconds(*view.next_try_at - host.local_now()))
                             : "";
    text += view.remedy.empty() ? "" : ", remedy: " + view.remedy;
    text += view.restarts_used == 0 ? "" : fmt::format(", restarts {}/{}", view.restarts_used, view.restarts_max);
    recorder_.say(*world_, simulation::letter_of(NodeId{node}), text);
  }
}

}  // namespace clusteragent::scenario
