#include "modules/mysql_replication/engine/options.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {

Result<Options> read_options(const Json& json) {
  try {
    Options options;
    options.module = json.at("module");
    options.node = json.at("node");
    options.state_path = json.at("state_path");
    options.own_address = json.at("own_address");
    options.peer_address = json.at("peer_address");
    options.port = json.at("port");
    options.peer_port = json.value("peer_port", options.port);
    options.socket = json.at("socket");
    options.user_file = json.at("user_file");
    options.has_semi_sync = json.value("semi_sync", true);
    options.drain_limit = std::chrono::nanoseconds{json.at("drain_limit_ns").get<std::int64_t>()};
    options.switch_limit = std::chrono::nanoseconds{json.at("switch_limit_ns").get<std::int64_t>()};
    options.binlog_bytes_max = json.at("binlog_bytes_max");
    options.provisions_errant = json.at("errant") == "provision";
    options.copy_port = json.at("copy_port");
    options.keys = read_keys(json.at("keys"));
    options.copy_bytes_per_second = json.at("copy_bytes_per_second");
    options.data_directory = json.at("data_directory");
    options.start_command = json.at("start_command");
    options.stop_command = json.at("stop_command");
    options.server_command = json.value("server_command", "");
    options.lag_limit = std::chrono::milliseconds{json.value("lag_limit_ms", std::int64_t{0})};
    for (const Json& each : json.value("replicas", Json::array())) {
      options.replicas.push_back(
          {each.at("address"), each.at("port"), each.at("own_address"), each.at("peer_address")});
    }
    return options;
  } catch (const Json::exception& error) {
    return Error{ErrorCode::configuration, fmt::format("the agent's word configure cannot be read: {}; agent and "
                                                       "clusteragent-mysql must be of one version",
                                                       error.what())};
  }
}

std::vector<filesync::SharedKey> read_keys(const Json& json) {
  std::vector<filesync::SharedKey> keys;
  for (const Json& each : json) keys.push_back({each.at("identity"), each.at("key").get<wire::Key>()});
  return keys;
}

}  // namespace clusteragent::mysql
