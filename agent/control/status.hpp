#pragma once
// The status document, schema 1: one JSON object a node, in which every fact carries its age in milliseconds, and the
// peer's own document beside it. What is older than `stale_after_ms` is to be read as unknown. docs/status.md lists the
// keys. Pure; values.
#include <nlohmann/json.hpp>

#include "agent/core/view.hpp"

namespace clusteragent::control {

using Json = nlohmann::json;
constexpr int status_schema = 1;

struct NodeIdentity {
  std::string module;
  std::string node;
  std::string peer;
  std::string version;
};

/// What the core knows: the sections "local" and "seen_of_peer".
Json status_of(const core::View& view, const NodeIdentity& identity, Instant now, Duration stale_after);

}  // namespace clusteragent::control
