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
    return options;
  } catch (const Json::exception& error) {
    return Error{ErrorCode::configuration, fmt::format("the agent's word configure cannot be read: {}; agent and "
                                                       "clusteragent-mysql must be of one version",
                                                       error.what())};
  }
}

}  // namespace clusteragent::mysql
