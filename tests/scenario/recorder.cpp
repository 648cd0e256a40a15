#include "tests/scenario/recorder.hpp"

#include <fmt/format.h>

#include <utility>

#include "agent/core/names.hpp"
#include "tests/simulation/describe.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::scenario {

using simulation::letter_of;
using simulation::World;

void Recorder::say(World& world, char who, const std::string& text) {
  lines_.push_back(fmt::format("{:9.3f} {} {}", static_cast<double>(world.now().count()) / 1e9, who, text));
}

void Recorder::on_event(World& world, NodeId node, const core::Event& event) {
  if (const auto* finished = std::get_if<core::ActionFinished>(&event)) {
    note_script_end(world, node, *finished);
  } else if (!std::holds_alternative<core::FrameReceived>(event) &&
             !std::holds_alternative<core::DeadlineReached>(event) &&
             !std::holds_alternative<core::WitnessAnswered>(event) &&
             !std::holds_alternative<core::LanWordHeard>(event) && !std::holds_alternative<core::ReplicaSeen>(event) &&
             !std::holds_alternative<core::PeerProcessGone>(event) &&
             !std::holds_alternative<core::PeerIncompatible>(event)) {
    say(world, letter_of(node), "* " + simulation::describe(event));
  }
}

void Recorder::note_script_end(World& world, NodeId node, const core::ActionFinished& finished) {
  auto& pending = pending_[node.value()];
  for (auto at = pending.begin(); at != pending.end(); ++at) {
    if (at->first == finished.token) {
      if (finished.outcome != core::Outcome::success) {
        say(world, letter_of(node), fmt::format("* {}: {}", at->second, finished.detail));
      }
      pending.erase(at);
      return;
    }
  }
}

void Recorder::on_action(World& world, NodeId node, const core::Action& action) {
  auto& pending = pending_[node.value()];
  const char who = letter_of(node);
  if (const auto* run = std::get_if<core::RunScript>(&action)) {
    const std::string name = fmt::format("{}{}", core::name_of(run->script), run->force ? " force" : "");
    pending.emplace_back(run->token, name);
    say(world, who, fmt::format("  {} {} {} {}", name, core::name_of(run->from), core::name_of(run->to), run->action));
  } else if (const auto* acquire = std::get_if<core::AcquireVip>(&action)) {
    pending.emplace_back(acquire->token, "acquire VIP");
    say(world, who, fmt::format("  acquire VIP, epoch {}", acquire->epoch.value()));
  } else if (const auto* release = std::get_if<core::ReleaseVip>(&action)) {
    pending.emplace_back(release->token, "release VIP");
    say(world, who, "  release VIP");
  } else if (std::holds_alternative<core::AnnounceVip>(action)) {
    say(world, who, "  announce VIP");
  } else if (std::holds_alternative<core::RevokePermit>(action)) {
    say(world, who, "  revoke permit");
  } else if (const auto* persist = std::get_if<core::PersistState>(&action)) {
    pending.emplace_back(persist->token, "persist");
    if (persist->state.proposal && proposals_[node.value()] != persist->state.proposal) {
      say(world, who, "  propose " + simulation::describe(*persist->state.proposal));
    }
    proposals_[node.value()] = persist->state.proposal;
    const bool holds_data = world.setup().policy.mirrors_data && records_[node.value()] != persist->state.record;
    if (holds_data) {
      records_[node.value()] = persist->state.record;
      say(world, who, "  persist " + simulation::describe(persist->state.record));
    } else if (records_[node.value()] != persist->state.record) {
      records_[node.value()] = persist->state.record;
      say(world, who,
          fmt::format("  persist epoch {} of {}", persist->state.record.epoch.value(),
                      letter_of(persist->state.record.holder)));
    }
  } else if (const auto* ask = std::get_if<core::AskWitness>(&action)) {
    const bool is_worth_a_line = ask->request.verb == core::WitnessVerb::vote && ask->request.record.epoch != voted_;
    if (is_worth_a_line) {
      voted_ = ask->request.record.epoch;
      say(world, who, fmt::format("  ask the witness to vote for epoch {}", voted_.value()));
    }
  } else if (const auto* lead = std::get_if<core::LeadData>(&action)) {
    pending.emplace_back(lead->token, "lead data");
    say(world, who, fmt::format("  lead the data, epoch {}{}", lead->epoch.value(), lead->is_solo ? ", solo" : ""));
  } else if (const auto* follow = std::get_if<core::FollowData>(&action)) {
    pending.emplace_back(follow->token, "follow data");
    say(world, who, "  follow the data");
  } else if (std::holds_alternative<core::AllowSolo>(action)) {
    say(world, who, "  allow solo");
  } else if (const auto* let_go = std::get_if<core::ReleaseData>(&action)) {
    pending.emplace_back(let_go->token, "release data");
    say(world, who, let_go->is_handed_over ? "  release the data, handed over" : "  release the data");
  } else if (std::holds_alternative<core::AcquireReader>(action)) {
    say(world, who, "  acquire the readers' address");
  } else if (std::holds_alternative<core::ReleaseReader>(action)) {
    say(world, who, "  release the readers' address");
  } else if (const auto* reply = std::get_if<core::Reply>(&action)) {
    say(world, who, fmt::format("  {}: {}", reply->is_accepted ? "accepted" : "refused", reply->message));
  } else if (const auto* note = std::get_if<core::Note>(&action); note && note->severity == core::Severity::critical) {
    say(world, who, "  critical: " + note->text);
  }
}

void Recorder::on_transition(World& world, NodeId node, const core::View& before, const core::View& after) {
  if (before.state == after.state && before.activity == after.activity && before.reason == after.reason) {
    return;
  }
  const std::string states = simulation::describe_state(before) == simulation::describe_state(after)
                                 ? "still " + simulation::describe_state(after)
                                 : simulation::describe_state(before) + " -> " + simulation::describe_state(after);
  say(world, letter_of(node), fmt::format("{}: {}", states, after.reason));
}

void Recorder::on_change(World& world) {
  const auto holder = world.only_holder();
  std::string now = holder ? std::string{letter_of(*holder)} : world.answering() == 0 ? "nobody" : "A and B";
  if (now != served_by_) {
    say(world, '-', fmt::format("{} for the virtual IP", now == "A and B" ? "A and B answer" : now + " answers"));
    served_by_ = std::move(now);
  }
  const bool is_a = world.host(NodeId{0}).kernel().answers_readers(world.now());
  const bool is_b = world.host(NodeId{1}).kernel().answers_readers(world.now());
  const std::string readers = is_a && is_b ? "A and B" : is_a ? "A" : is_b ? "B" : "nobody";
  if (readers == read_from_) return;
  say(world, '-', fmt::format("{} {} for the readers' address", readers, is_a && is_b ? "answer" : "answers"));
  read_from_ = readers;
}

}  // namespace clusteragent::scenario
