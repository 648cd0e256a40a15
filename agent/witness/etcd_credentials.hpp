#pragma once
// What a client of etcd shows and believes: the files that the configuration names, read anew for each connection, so
// that renewed certificates need no restart. Functions without state; they read files and may block. Errors: path,
// reason and remedy. Secrets must be readable by their owner only.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/base/result.hpp"
#include "agent/witness/etcd_client.hpp"

namespace boost::asio::ssl {
class context;
}

namespace clusteragent::witness {

Result<std::shared_ptr<boost::asio::ssl::context>> load_tls(const EtcdOptions& options);
/// User and password; nullopt: none are configured.
Result<std::optional<std::pair<std::string, std::string>>> load_user(const EtcdOptions& options);

}  // namespace clusteragent::witness
