#include "agent/data/engine_protocol.hpp"

#include <utility>

namespace clusteragent::data {

std::string directories_text(const EngineOptions& options) {
  std::string text;
  for (const EngineDirectory& each : options.directories) {
    text += (text.empty() ? "" : ", ") + each.path;
    const char* joint = " without ";
    for (const filesync::ExclusionRule& rule : each.excluded) {
      text += std::exchange(joint, " and ") + rule.path + (rule.is_inverted ? "!" : "") + rule.regex;
    }
  }
  return text;
}

Json to_json(const std::vector<EngineKey>& keys) {
  Json all = Json::array();
  for (const EngineKey& each : keys) all.push_back({{"identity", each.identity}, {"key", each.key}});
  return all;
}

Json to_json(const EngineOptions& options) {
  Json directories = Json::array();
  for (const EngineDirectory& each : options.directories) {
    Json excluded = Json::array();
    for (const filesync::ExclusionRule& rule : each.excluded)
      excluded.push_back({{"path", rule.path}, {"regex", rule.regex}, {"is_inverted", rule.is_inverted}});
    directories.push_back({{"path", each.path}, {"must_exist", each.must_exist}, {"excluded", std::move(excluded)}});
  }
  return {{"do", "configure"},
          {"module", options.module},
          {"node", options.node},
          {"directories", std::move(directories)},
          {"state_path", options.state_path},
          {"own_addresses", options.own_addresses},
          {"peer_addresses", options.peer_addresses},
          {"port", options.port},
          {"keys", to_json(options.keys)},
          {"salvage_bytes_max", options.salvage_bytes_max},
          {"has_acl", options.has_acl},
          {"acknowledges_on_disk", options.acknowledges_on_disk},
          {"acknowledges_writes", options.acknowledges_writes},
          {"silence_limit_ns", options.silence_limit.count()},
          {"copy_limit_ns", options.copy_limit.count()},
          {"send_limit_ns", options.send_limit.count()},
          {"copy_bytes_per_second", options.copy_bytes_per_second},
          {"copy_pieces", options.copy_pieces},
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
  for (const Json& each : json.at("directories")) {
    EngineDirectory directory{each.at("path"), each.at("must_exist").get<std::vector<std::string>>(), {}};
    for (const Json& rule : each.at("excluded"))
      directory.excluded.push_back({rule.at("path"), rule.at("regex"), rule.at("is_inverted")});
    options.directories.push_back(std::move(directory));
  }
  options.state_path = json.at("state_path");
  options.own_addresses = json.at("own_addresses").get<std::vector<std::string>>();
  options.peer_addresses = json.at("peer_addresses").get<std::vector<std::string>>();
  options.port = json.at("port");
  options.keys = engine_keys(json.at("keys"));
  options.salvage_bytes_max = json.at("salvage_bytes_max");
  options.has_acl = json.at("has_acl");
  options.acknowledges_on_disk = json.at("acknowledges_on_disk");
  options.acknowledges_writes = json.at("acknowledges_writes");
  options.copy_limit = Duration{json.at("copy_limit_ns").get<std::int64_t>()};
  options.send_limit = Duration{json.at("send_limit_ns").get<std::int64_t>()};
  options.copy_bytes_per_second = json.at("copy_bytes_per_second");
  options.copy_pieces = json.at("copy_pieces");
  options.silence_limit = Duration{json.at("silence_limit_ns").get<std::int64_t>()};
  options.confirm_limit = Duration{json.at("confirm_limit_ns").get<std::int64_t>()};
  return options;
}

}  // namespace clusteragent::data
