#pragma once
// The witness's status document, schema 1: docs/witness.md lists the keys. Pure.
#include "agent/control/status.hpp"
#include "agent/witness/server.hpp"

namespace clusteragent::daemon {

control::Json witness_status(const witness::ServerStatus& status, Instant now);

}  // namespace clusteragent::daemon
