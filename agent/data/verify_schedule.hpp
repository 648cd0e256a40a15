#pragma once
// When a verification by schedule is due. Pure.
#include <chrono>
#include <optional>

namespace clusteragent::data {

/// So long after its time it is caught up with, where it could not begin; later it waits for the next day.
inline constexpr std::chrono::seconds verify_window = std::chrono::hours{1};

/// `at` and `now`: since local midnight. `since_last`: since the newest one began, whoever asked for it; nullopt:
/// never.
bool is_verify_due(std::chrono::seconds at, std::chrono::seconds now, std::optional<std::chrono::seconds> since_last);

}  // namespace clusteragent::data
