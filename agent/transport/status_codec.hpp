#pragma once
// Between what the core says and what the wire carries: field by field, nothing is judged here. Pure; any thread.
#include "agent/core/types.hpp"
#include "agent/wire/frame.hpp"

namespace clusteragent::transport {

/// What is a path's own (stamps, path facts) stays empty.
wire::StatusFrame to_frame(const core::PeerStatus& status);
/// Node and incarnation come from the header.
core::PeerStatus to_status(const wire::Header& header, const wire::StatusFrame& frame);

}  // namespace clusteragent::transport
