#include "modules/mysql_replication/engine/replicas/further_replicas.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace clusteragent::mysql {
namespace {

// A change of roles, a server that is restarted: what lasts longer is worth a word.
constexpr std::chrono::seconds alarm_patience{10};
constexpr std::chrono::seconds refusal_patience{2};

Json to_json(const FurtherReplicaOptions& options, const FurtherReplica::Shown& shown) {
  Json now = {{"address", options.address}, {"port", options.port}, {"state", text_of(shown.plan.state)}};
  if (!shown.plan.reason.empty()) now["problem"] = shown.plan.reason;
  if (!shown.remark.empty()) now["remark"] = shown.remark;
  if (!shown.view.is_reachable) return now;
  const ServerState& state = shown.view.state;
  now["server"] = state.version;
  now["server_id"] = state.server_id;
  now["is_writable"] = !state.is_read_only;
  if (state.replica.is_configured)
    now["source"] = fmt::format("{} port {}", state.replica.source_address, state.replica.source_port);
  if (shown.lag) {
    now["lag_ms"] = shown.lag->count();
    now["transactions_behind"] = shown.transactions;
  }
  return now;
}

/// What will not change by waiting.
bool is_certain(ReplicaState state) {
  return state == ReplicaState::errant || state == ReplicaState::purged || state == ReplicaState::refused ||
         state == ReplicaState::no_gtid || state == ReplicaState::applier_stopped;
}

}  // namespace

FurtherReplicas::FurtherReplicas(const Options& options, const Accounts& accounts, LookCounter& looks,
                                 std::function<void()> ask_primary,
                                 std::function<void(char, const std::string&)> note) {
  const FurtherReplica::Calls calls{std::move(ask_primary),
                                    [this](const FurtherReplica& one) { return siblings_of(one); }, std::move(note)};
  // Their threads wait for lead(), which comes when all are there.
  for (const FurtherReplicaOptions& each : options.replicas)
    all_.push_back(std::make_unique<FurtherReplica>(options, each, accounts, looks, calls));
}

FurtherReplicas::~FurtherReplicas() {
  end();
  for (const auto& each : all_) each->join();
}

void FurtherReplicas::end() {
  for (const auto& each : all_) each->end();
}

std::set<std::uint32_t> FurtherReplicas::siblings_of(const FurtherReplica& one) const {
  std::set<std::uint32_t> ids;
  for (const auto& each : all_) {
    if (each.get() != &one) ids.insert(each->server_id());
  }
  ids.erase(0);
  return ids;
}

void FurtherReplicas::lead(const View& primary, const View& other) {
  if (all_.empty() || (is_leading_ && primary.look == told_)) return;
  is_leading_ = true;
  told_ = primary.look;
  if (other.is_reachable) other_id_ = other.state.server_id;
  const auto seen = std::make_shared<const PairSeen>(PairSeen{primary, other, other_id_});
  for (const auto& each : all_) each->lead(seen);
}

void FurtherReplicas::rest() {
  if (!is_leading_) return;
  is_leading_ = false;
  seen_.clear();
  for (const auto& each : all_) each->rest();
}

bool FurtherReplicas::want_purged() const {
  return is_leading_ && std::any_of(all_.begin(), all_.end(), [](const auto& each) { return each->wants_purged(); });
}

Json FurtherReplicas::progress() const {
  Json list = Json::array();
  if (!is_leading_) return list;
  for (const auto& each : all_) list.push_back(to_json(each->options(), each->shown()));
  return list;
}

std::vector<Cause> FurtherReplicas::causes() const {
  std::vector<Cause> found;
  if (!is_leading_) return found;
  for (const auto& each : all_) {
    const FurtherReplica::Shown shown = each->shown();
    std::string text = is_problem(shown.plan.state)
                           ? fmt::format("{}: {}", text_of(shown.plan.state), shown.plan.reason)
                           : std::string{};
    if (!shown.remark.empty()) text += (text.empty() ? "" : "; ") + shown.remark;
    if (text.empty()) continue;
    const FurtherReplicaOptions& at = each->options();
    found.push_back({fmt::format("replica-{}-{}", at.address, at.port),
                     fmt::format("replica {} port {}: {}", at.address, at.port, text),
                     is_certain(shown.plan.state) ? refusal_patience : alarm_patience});
  }
  return found;
}

std::vector<LogReader> FurtherReplicas::log_readers(std::chrono::steady_clock::time_point now) {
  std::vector<LogReader> readers;
  if (!is_leading_) return readers;
  for (const auto& each : all_) {
    const FurtherReplica::Shown shown = each->shown();
    if (!may_need_logs(shown.plan.state)) continue;
    Seen& seen = seen_[each.get()];
    if (shown.view.is_reachable) seen.has = shown.view.state.applied;
    const bool is_attached = shown.plan.state == ReplicaState::following;
    if (is_attached || !seen.attached) seen.attached = now;
    const FurtherReplicaOptions& at = each->options();
    readers.push_back({fmt::format("replica {} port {}", at.address, at.port), seen.has, is_attached,
                       std::chrono::duration_cast<std::chrono::seconds>(now - *seen.attached)});
  }
  return readers;
}

}  // namespace clusteragent::mysql
