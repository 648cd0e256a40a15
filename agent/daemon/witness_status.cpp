#include "agent/daemon/witness_status.hpp"

#include "agent/base/version.hpp"

namespace clusteragent::daemon {
namespace {

using control::Json;

constexpr int witness_schema = 1;

Json sync_set_of(core::NodeSet set) {
  Json nodes = Json::array();
  for (const std::uint8_t node : {std::uint8_t{0}, std::uint8_t{1}}) {
    if (set.contains(NodeId{node})) nodes.push_back(node);
  }
  return nodes;
}

Json module_of(const witness::ModuleStatus& module, Instant now) {
  const core::Record& record = module.state.record;
  Json shown{{"module", witness::hex(module.module_hash)},
             {"record",
              {{"epoch", record.epoch.value()},
               {"revision", record.revision.value()},
               {"holder", record.holder.value()},
               {"sync_set", sync_set_of(record.sync_set)}}},
             {"voted_epoch", module.state.voted_epoch.value()},
             {"voted_for", module.state.voted_for.value()},
             {"lease_max_ms", to_milliseconds(module.state.lease_max)},
             {"promise", nullptr},
             {"silent_ms", to_milliseconds(module.silent_for)},
             {"last_asked_age_ms", nullptr},
             {"is_storing", module.is_storing},
             {"problem", module.problem}};
  if (module.promise) {
    shown["promise"] = {{"holder", module.promise->holder.value()},
                        {"left_ms", to_milliseconds(module.promise->until - now)}};
  }
  if (module.last_asked_age) shown["last_asked_age_ms"] = to_milliseconds(*module.last_asked_age);
  return shown;
}

Json counters_of(const witness::ServerCounters& counters) {
  return {{"received", counters.received},
          {"granted", counters.granted},
          {"refused", counters.refused},
          {"unproven", counters.unproven},
          {"replayed", counters.replayed},
          {"malformed", counters.malformed},
          {"foreign_key", counters.foreign_key},
          {"bad_mac", counters.bad_mac},
          {"other_version", counters.other_version},
          {"too_many_modules", counters.too_many_modules}};
}

}  // namespace

Json witness_status(const witness::ServerStatus& status, Instant now) {
  Json clusters = Json::array();
  for (const witness::ClusterStatus& cluster : status.clusters) {
    Json modules = Json::array();
    for (const witness::ModuleStatus& module : cluster.modules) modules.push_back(module_of(module, now));
    Json keys = Json::array();
    for (const witness::KeyStatus& key : cluster.keys) {
      keys.push_back({{"key_id", witness::hex(key.key_id)}, {"asked", key.asked}});
    }
    clusters.push_back({{"key_file", cluster.name},
                        {"key_id", witness::hex(cluster.key_id)},
                        {"votes_key", witness::hex(cluster.votes_key)},
                        {"keys", std::move(keys)},
                        {"modules", std::move(modules)}});
  }
  return {{"schema", witness_schema},
          {"version", version},
          {"port", status.port},
          {"clusters", std::move(clusters)},
          {"datagrams", counters_of(status.counters)}};
}

}  // namespace clusteragent::daemon
