#pragma once
// The status document as one screen of text: both nodes beside each other, then heartbeats, addresses, processes. What
// is null or missing is written as "unknown"; a document of forget_stale is expected. Ages stand beside what came from
// the other node. Pure; whatever the document holds, nothing throws and nothing steers the terminal.
#include <string>

#include "agent/control/status.hpp"

namespace clusteragent::control {

constexpr std::size_t render_width_min = 72;

std::string render_status(const Json& status, bool with_colours, std::size_t width = 100);
/// `40 ms`, `1.2 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`.
std::string duration_text(std::int64_t milliseconds);

}  // namespace clusteragent::control
