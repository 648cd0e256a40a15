#include "agent/control/status.hpp"

#include "agent/core/names.hpp"

namespace clusteragent::control {
namespace {

Json names_of(core::NodeSet set, const NodeIdentity& identity, NodeId self) {
  Json names = Json::array();
  if (set.contains(self)) names.push_back(identity.node);
  if (set.contains(NodeId{static_cast<std::uint8_t>(1 - self.value())})) names.push_back(identity.peer);
  return names;
}

Json peer_of(const core::PeerView& peer, const std::string& name, Instant now, Duration stale_after) {
  Json json{{"node", name},
            {"heard", peer.was_ever_heard},
            {"silent", peer.is_silent},
            {"process_gone", peer.is_process_gone},
            {"deaf_to_us", peer.is_deaf_to_us},
            {"incompatible", peer.is_incompatible}};
  if (!peer.was_ever_heard) return json;
  json["age_ms"] = to_milliseconds(now - peer.last_heard);
  const bool is_stale =
      peer.is_silent || peer.is_process_gone || peer.is_incompatible || now - peer.last_heard > stale_after;
  if (is_stale) {
    json["state"] = "UNKNOWN";
    return json;
  }
  json["state"] = name_of(peer.status.state);
  json["activity"] = name_of(peer.status.activity);
  json["epoch"] = peer.status.record.epoch.value();
  json["promotable"] = peer.status.is_promotable;
  json["blocked"] = name_of(peer.status.blocked);
  json["blocked_text"] = describe(peer.status.blocked);
  return json;
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
              {"seen_of_peer", peer_of(view.peer, identity.peer, now, stale_after)}};
  if (view.record.epoch.value() != 0) {
    const bool self_holds = view.record.holder == view.self;
    status["local"]["last_primary"] = self_holds ? identity.node : identity.peer;
  }
  status["local"]["sync_set"] = names_of(view.record.sync_set, identity, view.self);
  if (view.config_matches) status["local"]["config_matches"] = *view.config_matches;
  return status;
}

}  // namespace clusteragent::control
