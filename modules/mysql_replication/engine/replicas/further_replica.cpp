#include "modules/mysql_replication/engine/replicas/further_replica.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace clusteragent::mysql {
namespace {

// What the clients of a new primary wait for comes first.
constexpr std::chrono::seconds settling{1};
constexpr std::chrono::seconds tick{1};
// A state that somebody has to change.
constexpr std::chrono::seconds problem_tick{2};
constexpr std::chrono::milliseconds step_tick{20};
constexpr std::chrono::milliseconds settle_tick{250};
constexpr std::chrono::seconds longest_reach_pause{30};
constexpr std::chrono::seconds first_step_pause{2};
constexpr std::chrono::seconds longest_step_pause{60};
// The worker looks every second.
constexpr std::chrono::seconds primary_patience{3};
constexpr std::size_t reason_bytes_max = 400;  // a status of eight replicas goes to the other node in one report

Target target_of(const FurtherReplicaOptions& options, Accounts accounts) {
  accounts.agent = accounts.replicas;
  // Stopping waits for the transaction that is being applied.
  return {"", options.address, options.port, std::move(accounts), std::chrono::seconds{2}, std::chrono::seconds{5}};
}

bool is_running(const ReplicaStatus& replica) {
  return replica.receiver != ReplicaThread::stopped && replica.applier != ReplicaThread::stopped;
}

std::string login_remedy(const std::string& problem) {
  const bool is_login = problem.find("(1045)") != std::string::npos || problem.find("(1130)") != std::string::npos ||
                        problem.find("(1698)") != std::string::npos;
  return is_login ? "; make the agent's account there, with the password of [replicas] or [agent] in the accounts file"
                  : "";
}

}  // namespace

FurtherReplica::FurtherReplica(const Options& options, FurtherReplicaOptions own, const Accounts& accounts,
                               LookCounter& looks, Calls calls)
    : options_{std::move(own)},
      own_endpoint_{options_.own_address, options.port},
      other_endpoint_{options_.peer_address, options.peer_port},
      calls_{std::move(calls)},
      server_{target_of(options_, accounts), looks},
      thread_{[this] { run(); }} {}

FurtherReplica::~FurtherReplica() {
  end();
  join();
}

void FurtherReplica::end() {
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
  }
  woken_.notify_one();
}

void FurtherReplica::join() {
  if (thread_.joinable()) thread_.join();
}

std::string FurtherReplica::name() const {
  return fmt::format("replica {} port {}", options_.address, options_.port);
}

void FurtherReplica::lead(std::shared_ptr<const PairSeen> seen) {
  {
    const std::lock_guard lock{mutex_};
    if (!seen_) next_round_ = Clock::now() + settling;
    lag_.seen_primary(seen->primary, Clock::now());
    seen_ = std::move(seen);
  }
  woken_.notify_one();
}

void FurtherReplica::rest() {
  {
    const std::lock_guard lock{mutex_};
    if (!seen_) return;
    seen_.reset();
    has_followed_ = wants_purged_ = false;
    lag_.forget();
    shown_ = {};
  }
  woken_.notify_one();
}

bool FurtherReplica::wants_purged() const {
  const std::lock_guard lock{mutex_};
  return wants_purged_;
}

std::uint32_t FurtherReplica::server_id() const {
  const std::lock_guard lock{mutex_};
  return shown_.view.state.server_id;
}

FurtherReplica::Shown FurtherReplica::shown() const {
  const std::lock_guard lock{mutex_};
  Shown now = shown_;
  now.lag = lag_.value(Clock::now());
  now.transactions = lag_.transactions();
  return now;
}

void FurtherReplica::run() {
  std::unique_lock lock{mutex_};
  while (!is_ending_) {
    if (!seen_) {
      if (is_stopped_by_agent_) {
        lock.unlock();
        give_back();
        lock.lock();
      }
      woken_.wait(lock, [this] { return seen_ || is_ending_; });
      continue;
    }
    const auto is_over = [this] { return !seen_ || is_ending_; };
    if (woken_.wait_until(lock, next_round_, is_over)) continue;
    lock.unlock();
    round();
    lock.lock();
  }
}

std::shared_ptr<const PairSeen> FurtherReplica::wait_for_primary(LookNumber after) {
  std::unique_lock lock{mutex_};
  const auto is_newer = [this, after] { return !seen_ || is_ending_ || seen_->primary.look > after; };
  const bool has_come = woken_.wait_for(lock, primary_patience, is_newer);
  return has_come && !is_ending_ ? seen_ : nullptr;
}

ReplicaSituation FurtherReplica::situation(const View& replica, const PairSeen& seen) const {
  ReplicaSituation now;
  now.replica = replica;
  now.primary = seen.primary;
  now.other = seen.other;
  now.primary_endpoint = own_endpoint_;
  now.other_endpoint = other_endpoint_;
  now.other_id = seen.other_id;
  now.sibling_ids = calls_.siblings(*this);
  now.is_stopped_by_agent = is_stopped_by_agent_;
  const std::lock_guard lock{mutex_};
  now.has_followed = has_followed_;
  return now;
}

void FurtherReplica::round() {
  const View replica = server_.look(false);
  if (replica.is_reachable && is_running(replica.state.replica)) is_stopped_by_agent_ = false;
  // It applies nothing until it is compared.
  if (is_stopped_by_agent_) calls_.ask_primary();
  const auto seen = wait_for_primary(replica.look);
  if (!seen) {
    const std::lock_guard lock{mutex_};
    next_round_ = Clock::now() + tick;
    return;
  }
  ReplicaPlan plan = next_replica_step(situation(replica, *seen));
  if (plan.state == ReplicaState::not_reached) plan.reason += login_remedy(plan.reason);
  carry_out(plan, replica);
  publish(plan, replica);
}

void FurtherReplica::carry_out(ReplicaPlan& plan, const View& replica) {
  const auto now = Clock::now();
  if (plan.step == ReplicaStep::none) {
    if (plan.state != ReplicaState::repointing) failure_.clear();
    return;
  }
  if (now >= next_step_) {
    if (plan.step == ReplicaStep::stop || plan.step == ReplicaStep::cease_acknowledging) {
      // Told apart from one that was stopped by hand, also where the answer does not come.
      is_stopped_by_agent_ = is_stopped_by_agent_ || replica.state.replica.applier == ReplicaThread::running;
    }
    const Status done = server_.carry_out(plan.step, own_endpoint_, replica.state);
    failure_ = done ? "" : fmt::format("cannot {}: {}", text_of(plan.step), done.error().message);
    const bool is_last = plan.step != ReplicaStep::stop;
    if (!done || is_last) {
      step_pause_ = std::clamp<Clock::duration>(step_pause_ * 2, first_step_pause, longest_step_pause);
      next_step_ = Clock::now() + step_pause_;
    }
    if (done && plan.step == ReplicaStep::cease_acknowledging) silenced_at_ = replica.state.started_at;
    if (done && is_last) calls_.note('E', fmt::format("{}: {}: done", name(), text_of(plan.step)));
    if (!done) calls_.note('C', fmt::format("{}: {}", name(), failure_));
  }
  if (!failure_.empty()) {
    plan.state = ReplicaState::failed;
    plan.reason = failure_;
  }
}

FurtherReplica::Clock::duration FurtherReplica::pause_after(const ReplicaPlan& plan) {
  if (plan.state != ReplicaState::not_reached) reach_pause_ = {};
  if (plan.state == ReplicaState::not_reached) {
    reach_pause_ = std::clamp<Clock::duration>(reach_pause_ * 2, tick, longest_reach_pause);
    return reach_pause_;
  }
  if (is_problem(plan.state)) return problem_tick;
  if (plan.step == ReplicaStep::stop) return step_tick;
  return plan.state == ReplicaState::following ? Clock::duration{tick} : Clock::duration{settle_tick};
}

void FurtherReplica::publish(const ReplicaPlan& plan, const View& replica) {
  const auto pause = pause_after(plan);
  const std::lock_guard lock{mutex_};
  if (!seen_) return;
  next_round_ = Clock::now() + pause;
  const bool is_following = plan.state == ReplicaState::following;
  if (is_following) {
    step_pause_ = {};
    has_followed_ = true;
  }
  wants_purged_ = plan.needs_purged || plan.step == ReplicaStep::stop;
  if (replica.is_reachable) lag_.seen_standby(replica);
  shown_.plan = plan;
  shown_.plan.reason = plan.reason.substr(0, reason_bytes_max);
  shown_.view = replica;
  shown_.remark.clear();
  if (!replica.is_reachable) return;
  if (!replica.state.is_read_only) shown_.remark = "it takes writes: set read_only (super_read_only) there";
  // The option file is not seen from here; a new life of the server will show.
  if (silenced_at_ != 0 && replica.state.started_at - silenced_at_ <= replica.state.start_tolerance_s) {
    shown_.remark += std::string{shown_.remark.empty() ? "" : "; "} +
                     "it acknowledged commits, which was turned off: take rpl_semi_sync_slave_enabled "
                     "(rpl_semi_sync_replica_enabled) out of its option file";
  }
}

void FurtherReplica::give_back() {
  is_stopped_by_agent_ = false;
  const View replica = server_.look(false);
  if (!replica.is_reachable || is_running(replica.state.replica)) return;
  const Status done = server_.carry_out(ReplicaStep::start, own_endpoint_, replica.state);
  if (!done) calls_.note('C', fmt::format("{}: cannot start what was stopped: {}", name(), done.error().message));
}

}  // namespace clusteragent::mysql
