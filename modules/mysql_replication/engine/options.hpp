#pragma once
// What `configure` carries. A value, read once.
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

using Json = nlohmann::json;

struct Options {
  std::string module;
  std::string node;
  std::string state_path;  // a folder of the engine's own
  std::string own_address;
  std::string peer_address;
  std::uint16_t port = 0;
  std::uint16_t peer_port = 0;  // the same unless both servers are on one machine
  std::string socket;
  std::string user_file;
  bool has_semi_sync = true;
  std::chrono::nanoseconds drain_limit{};
  std::chrono::nanoseconds switch_limit{};
};

/// Errors: the field that is missing or of the wrong kind.
Result<Options> read_options(const Json& json);

}  // namespace clusteragent::mysql
