#include "agent/control/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/core/names.hpp"

namespace clusteragent::control {
namespace {

Json names_of(core::NodeSet set, const NodeIdentity& identity, NodeId self) {
  Json names = Json::array();
  if (set.contains(self)) names.push_back(identity.node);
  if (set.contains(NodeId{static_cast<std::uint8_t>(1 - self.value())})) names.push_back(identity.peer);
  return names;
}

Json peer_of(const core::PeerView& peer, const std::string& name, Instant now) {
  Json json{{"node", name},
            {"heard", peer.was_ever_heard},
            {"silent", peer.is_silent},
            {"process_gone", peer.is_process_gone},
            {"deaf_to_us", peer.is_deaf_to_us},
            {"incompatible", peer.is_incompatible}};
  if (!peer.was_ever_heard) return json;
  json["age_ms"] = to_milliseconds(now - peer.last_heard);
  json["state"] = name_of(peer.status.state);
  json["activity"] = name_of(peer.status.activity);
  json["epoch"] = peer.status.record.epoch.value();
  json["promotable"] = peer.status.is_promotable;
  json["blocked"] = name_of(peer.status.blocked);
  json["blocked_text"] = describe(peer.status.blocked);
  json["revision"] = peer.status.record.revision.value();
  json["holds_vip"] = peer.status.holds_vip;
  json["config_hash"] = fmt::format("{:016x}", peer.status.config_hash);
  return json;
}

// What a heartbeat said, as opposed to what is known about hearing it.
constexpr std::array said_by_peer{"state",   "activity",     "epoch",     "revision",    "promotable",
                                  "blocked", "blocked_text", "holds_vip", "config_hash", "deaf_to_us"};
constexpr std::array measured{"loss_permille", "round_trip_us", "jitter_us"};

bool is_true(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// Absent counts as old.
bool is_older(const Json& object, const char* key, std::int64_t milliseconds) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_number_integer() || found->get<std::int64_t>() > milliseconds;
}

void forget_paths(Json& document, bool is_peer_believed) {
  const auto paths = document.find("paths");
  if (paths == document.end() || !paths->is_array()) return;
  for (Json& path : *paths) {
    if (!path.is_object()) continue;
    const auto condition = path.find("condition");
    const bool is_heard = condition != path.end() && (*condition == "up" || *condition == "peer_deaf");
    for (const char* key : measured) {
      if (!is_heard) path[key] = nullptr;
    }
    if (!is_peer_believed) path["peer_loss_permille"] = nullptr;
  }
}

}  // namespace

Json status_of(const core::View& view, const NodeIdentity& identity, Instant now, Duration stale_after) {
  Json local{{"state", name_of(view.state)},
             {"activity", name_of(view.activity)},
             {"since_ms", to_milliseconds(now - view.since)},
             {"reason", view.reason},
             {"doing", view.doing},
             {"remedy", view.remedy},
             {"epoch", view.record.epoch.value()},
             {"revision", view.record.revision.value()},
             {"holds_vip", view.holds_vip},
             {"promotable", view.is_promotable},
             {"blocked", name_of(view.blocked)},
             {"blocked_text", describe(view.blocked)},
             {"last_script_failure", view.last_script_failure},
             {"restarts", {{"used", view.restarts_used}, {"max", view.restarts_max}}}};
  local["held"] = {{"role_changes", view.role_changes}, {"window_ms", to_milliseconds(view.role_changes_window)}};
  if (view.held_until) local["held"]["left_ms"] = to_milliseconds(*view.held_until - now);
  if (view.next_try_at) local["next_try_ms"] = to_milliseconds(std::max(*view.next_try_at - now, Duration::zero()));
  if (view.diverged_epoch != Epoch{}) local["diverged_epoch"] = view.diverged_epoch.value();
  if (view.permit_until) local["permit_left_ms"] = to_milliseconds(*view.permit_until - now);
  if (view.restart_window_ends) {
    local["restarts"]["window_left_ms"] = to_milliseconds(*view.restart_window_ends - now);
  }
  Json status{{"schema", status_schema},
              {"module", identity.module},
              {"node", identity.node},
              {"version", identity.version},
              {"stale_after_ms", to_milliseconds(stale_after)},
              {"local", std::move(local)},
              {"seen_of_peer", peer_of(view.peer, identity.peer, now)}};
  if (view.record.epoch.value() != 0) {
    const bool self_holds = view.record.holder == view.self;
    status["local"]["last_primary"] = self_holds ? identity.node : identity.peer;
  }
  status["local"]["sync_set"] = names_of(view.record.sync_set, identity, view.self);
  if (view.config_matches) status["local"]["config_matches"] = *view.config_matches;
  return status;
}

void forget_stale(Json& status) {
  if (!status.is_object()) return;
  const auto bound = status.find("stale_after_ms");
  const std::int64_t stale_after =
      bound != status.end() && bound->is_number_integer() ? bound->get<std::int64_t>() : std::int64_t{0};
  const auto peer = status.find("seen_of_peer");
  if (peer == status.end() || !peer->is_object()) return;
  const bool is_believed =
      !is_true(*peer, "silent") && !is_true(*peer, "process_gone") && !is_older(*peer, "age_ms", stale_after);
  forget_paths(status, is_believed);
  if (!is_believed) {
    for (const char* key : said_by_peer) (*peer)[key] = nullptr;
    const auto local = status.find("local");
    if (local != status.end() && local->is_object()) (*local)["config_matches"] = nullptr;
    const auto keys = status.find("keys");
    if (keys != status.end() && keys->is_object()) (*keys)["peer_signs_with"] = nullptr;
  }
  if (!is_believed || is_older(status, "peer_report_age_ms", stale_after)) status["peer_report"] = nullptr;
}

}  // namespace clusteragent::control
