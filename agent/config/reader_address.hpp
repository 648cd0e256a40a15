#pragma once
// Virtual addresses for clients that only read: where="secondary". Purpose: the rules that concern more than the one
// attribute. Threads: any. Errors: diagnostics.
#include <string_view>

#include "agent/config/section.hpp"

namespace clusteragent::config {

inline constexpr std::string_view where_secondary = "secondary";

void check_reader_addresses(const Section& service, Diagnostics& diagnostics);

}  // namespace clusteragent::config
