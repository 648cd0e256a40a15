#include "tests/support/core_pair.hpp"

#include <algorithm>
#include <utility>

#include "agent/core/names.hpp"

namespace clusteragent::test {

using namespace core;  // NOLINT: a test double speaks the vocabulary of what it doubles

namespace {
std::size_t at(int node) {
  return static_cast<std::size_t>(node);
}
}  // namespace

CorePair::CorePair(void (*adjust)(Policy&)) : adjust_{adjust} {
  for (int node = 0; node < 2; ++node) cores_[at(node)].emplace(policy(node), DurableState{}, now_);
}

Policy CorePair::policy(int node) const {
  Policy policy;
  policy.pulse = std::chrono::milliseconds{100};
  policy.timeout = std::chrono::milliseconds{1000};
  policy.has_script.fill(true);
  policy.has_script[static_cast<std::size_t>(ScriptKind::fence)] = false;
  policy.node_names = {"alpha", "beta"};
  if (adjust_ != nullptr) adjust_(policy);
  policy.self = NodeId{static_cast<std::uint8_t>(node)};
  policy.incarnation = Incarnation{lives_[at(node)] * 10 + static_cast<std::uint64_t>(node)};
  return policy;
}

void CorePair::step(int node, const Event& event) {
  if (!is_up[at(node)] || is_frozen[at(node)]) return;
  ActionList actions;
  cores_[at(node)]->step(now_, event, actions);
  carry_out(node, actions);
}

void CorePair::tell(int node, const Event& event) {
  step(node, event);
  deliver_all();
}

void CorePair::operate(int node, Verb verb, bool force, std::string identity) {
  tell(node, OperatorRequest{RequestId{next_request_++}, verb, force, std::move(identity), "administrator", false});
}

void CorePair::shut_down(int node) {
  tell(node, OperatorRequest{RequestId{next_request_++}, Verb::stop, false, "shutdown", "SYSTEM", true});
}

void CorePair::maintain(int node, Duration lasts) {
  OperatorRequest request{RequestId{next_request_++}, Verb::maintenance_off, false, "", "administrator", false};
  if (lasts > Duration::zero()) request.verb = Verb::maintenance_on;
  request.lasts = lasts;
  tell(node, request);
}

void CorePair::start_both() {
  operate(0, Verb::start);
  operate(1, Verb::start);
  run_for(std::chrono::seconds{3});
}

std::string CorePair::state(int node) const {
  const View seen = view(node);
  return std::string{name_of(seen.state)} + " " + std::string{name_of(seen.activity)};
}

std::string CorePair::notes(int node) const {
  return notes_[at(node)];
}

void CorePair::forget_scripts() {
  for (auto& scripts : scripts_) scripts.clear();
}

void CorePair::restart_agent(int node) {
  ++lives_[at(node)];
  unwritten_[at(node)].clear();
  hanging_[at(node)].clear();
  kernel_has_vip[at(node)] = false;
  permit[at(node)].reset();
  std::erase_if(queue_, [node](const auto& entry) { return entry.first == node; });
  is_up[at(node)] = true;
  is_frozen[at(node)] = false;
  cores_[at(node)].emplace(policy(node), disk[at(node)], now_);
}

bool CorePair::resume_agent(int node) {
  const auto handover = std::exchange(left[at(node)], std::nullopt);
  if (!handover || !may_resume(*handover, disk[at(node)], policy(node).self)) return false;
  ++lives_[at(node)];
  Handover resumed = *handover;
  resumed.until = std::min(resumed.until, now_ + first_permit(policy(node).timeout));
  if (resumed.holds_vip) permit[at(node)] = resumed.until;
  is_up[at(node)] = true;
  cores_[at(node)].emplace(policy(node), disk[at(node)], now_, resumed);
  return true;
}

bool CorePair::answers_for_vip(int node) const {
  return kernel_has_vip[at(node)] && permit[at(node)] && now_ < *permit[at(node)];
}

void CorePair::deliver_all() {
  while (!queue_.empty()) {
    const auto [node, event] = queue_.front();
    queue_.pop_front();
    step(node, event);
  }
}

void CorePair::end_hanging_writes(int node) {
  for (const PersistState& write : std::exchange(unwritten_[at(node)], {})) {
    disk[at(node)] = write.state;
    queue_.emplace_back(node, ActionFinished{write.token, Outcome::success, ""});
  }
}

void CorePair::run_for(Duration duration) {
  const Instant end = now_ + duration;
  while (now_ < end) {
    for (int node = 0; node < 2; ++node) {
      if (!disk_hangs[at(node)]) end_hanging_writes(node);
    }
    deliver_all();
    Instant next = end;
    for (int node = 0; node < 2; ++node) {
      if (!is_up[at(node)] || is_frozen[at(node)]) continue;
      if (const auto due = cores_[at(node)]->next_deadline()) next = std::min(next, std::max(*due, now_));
    }
    if (answers_for_vip(0) && answers_for_vip(1)) double_primary += next - now_;
    now_ = next;
    for (int node = 0; node < 2; ++node) {
      const auto due = is_up[at(node)] ? cores_[at(node)]->next_deadline() : std::nullopt;
      if (due && *due <= now_) tell(node, DeadlineReached{});
    }
  }
}

void CorePair::end_lead(int node, Token token) {
  const auto fails = lead_fails_untouched[at(node)];
  const Outcome outcome = fails ? Outcome::failure : Outcome::success;
  queue_.emplace_back(node, ActionFinished{token, outcome, "", fails.value_or(false)});
}

void CorePair::run_script(int node, const RunScript& wanted) {
  scripts_[at(node)].push_back(std::string{name_of(wanted.script)} + (wanted.force ? " force" : ""));
  if (hanging_script == wanted.script && !wanted.force) {
    return hanging_[at(node)].push_back(ActionFinished{wanted.token, Outcome::timed_out, "killed"});
  }
  const bool fails = failing_on[at(node)] && failing_script == wanted.script && !wanted.force;
  queue_.emplace_back(
      node, ActionFinished{wanted.token, fails ? Outcome::failure : Outcome::success, fails ? "exit code 1" : ""});
}

void CorePair::carry_out(int node, const ActionList& actions) {
  const auto finish = [&](Token token, Outcome outcome, const char* detail) {
    queue_.emplace_back(node, ActionFinished{token, outcome, detail});
  };
  for (const Action& action : actions) {
    std::visit(
        [&](const auto& typed) {
          using T = std::decay_t<decltype(typed)>;
          if constexpr (std::is_same_v<T, PersistState>) {
            if (disk_is_full[at(node)]) return finish(typed.token, Outcome::failure, "no space left on device");
            if (disk_hangs[at(node)]) return unwritten_[at(node)].push_back(typed);
            disk[at(node)] = typed.state;
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, SendHeartbeat>) {
            const int other = 1 - node;
            if (hears[at(other)]) queue_.emplace_back(other, FrameReceived{PathId{0}, typed.status});
          } else if constexpr (std::is_same_v<T, AcquireVip>) {
            kernel_has_vip[at(node)] = true;
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, ReleaseVip>) {
            kernel_has_vip[at(node)] = false;
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, LeadData>) {
            end_lead(node, typed.token);
          } else if constexpr (std::is_same_v<T, AcquireReader>) {
            if (reader_fails[at(node)]) return finish(typed.token, Outcome::failure, "no such interface");
            kernel_has_reader[at(node)] = true;
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, ReleaseReader>) {
            kernel_has_reader[at(node)] = false;
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, FollowData> || std::is_same_v<T, ReleaseData>) {
            finish(typed.token, Outcome::success, "");
          } else if constexpr (std::is_same_v<T, AllowSolo>) {
            may_go_solo[at(node)] = true;
          } else if constexpr (std::is_same_v<T, SetPermit>) {
            permit[at(node)] = typed.until;
          } else if constexpr (std::is_same_v<T, RevokePermit>) {
            permit[at(node)].reset();
          } else if constexpr (std::is_same_v<T, RunScript>) {
            run_script(node, typed);
          } else if constexpr (std::is_same_v<T, CancelScript>) {
            for (const auto& end : std::exchange(hanging_[at(node)], {})) queue_.emplace_back(node, end);
          } else if constexpr (std::is_same_v<T, HandOver>) {
            if (handover_fails[at(node)]) return finish(typed.token, Outcome::failure, "no space left on device");
            left[at(node)] = typed.left;
            is_up[at(node)] = false;
          } else if constexpr (std::is_same_v<T, Note>) {
            notes_[at(node)] += typed.text + "\n";
          } else if constexpr (std::is_same_v<T, Reply>) {
            replies_.push_back(typed);
          }
        },
        action);
  }
}

}  // namespace clusteragent::test
