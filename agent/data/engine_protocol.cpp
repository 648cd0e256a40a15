#include "agent/data/engine_protocol.hpp"

namespace clusteragent::data {

Json to_json(const EngineOptions& options) {
  Json keys = Json::array();
  for (const EngineKey& each : options.keys) keys.push_back({{"identity", each.identity}, {"key", each.key}});
  return {{"do", "configure"},
          {"module", options.module},
          {"node", options.node},
          {"directory", options.directory},
          {"state_path", options.state_path},
          {"must_exist", options.must_exist},
          {"own_addresses", options.own_addresses},
          {"peer_addresses", options.peer_addresses},
          {"port", options.port},
          {"keys", std::move(keys)},
          {"salvage_bytes_max", options.salvage_bytes_max},
          {"acknowledges_on_disk", options.acknowledges_on_disk},
          {"silence_limit_ns", options.silence_limit.count()},
          {"confirm_limit_ns", options.confirm_limit.count()}};
}

std::vector<EngineKey> engine_keys(const Json& json) {
  std::vector<EngineKey> keys;
  for (const Json& each : json) keys.push_back({each.at("identity"), each.at("key").get<wire::Key>()});
  return keys;
}

EngineOptions engine_options(const Json& json) {
  EngineOptions options;
  options.module = json.at("module");
  options.node = json.at("node");
  options.directory = json.at("directory");
  options.state_path = json.at("state_path");
  options.must_exist = json.at("must_exist").get<std::vector<std::string>>();
  options.own_addresses = json.at("own_addresses").get<std::vector<std::string>>();
  options.peer_addresses = json.at("peer_addresses").get<std::vector<std::string>>();
  options.port = json.at("port");
  options.keys = engine_keys(json.at("keys"));
  options.salvage_bytes_max = json.at("salvage_bytes_max");
  options.acknowledges_on_disk = json.at("acknowledges_on_disk");
  options.silence_limit = Duration{json.at("silence_limit_ns").get<std::int64_t>()};
  options.confirm_limit = Duration{json.at("confirm_limit_ns").get<std::int64_t>()};
  return options;
}

}  // namespace clusteragent::data
