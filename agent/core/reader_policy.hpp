#pragma once
// What the configuration says about the readers' address. Plain data; see reader.hpp.
#include "agent/base/time.hpp"

namespace clusteragent::core {

struct ReaderPolicy {
  bool is_configured = false;
  bool needs_replica = false;  // what the secondary has comes by a replication of the servers, whose lag counts
  Duration lag_max = std::chrono::seconds{10};
  // So long the secondary must have been fit before it gets the address, so that a lag about the limit moves nothing.
  Duration settle = std::chrono::seconds{10};
};

}  // namespace clusteragent::core
