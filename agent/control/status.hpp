#pragma once
// The status document, schema 1: one JSON object a node, in which every fact carries its age in milliseconds, and the
// peer's own document beside it. What is older than `stale_after_ms` is null: unknown. docs/status.md lists the keys.
// Pure; values.
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

/// Takes away (null) what is too old to be believed, so that no reader can show the last good value: what a silent peer
/// said, its report, the measurements of a path on which nothing is heard. Idempotent; malformed parts are left alone.
void forget_stale(Json& status);

}  // namespace clusteragent::control
