#pragma once
// A time of day as configurations write it. Pure.
#include <chrono>
#include <optional>
#include <string_view>

namespace clusteragent::config {

/// "03:30", hours and minutes since midnight, two digits each; nullopt: anything else.
std::optional<std::chrono::minutes> time_of_day(std::string_view text);

}  // namespace clusteragent::config
