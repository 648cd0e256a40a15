#pragma once
// Everything that is read from disk before an agent runs: files, key, record, identity. Blocking; before the loop
// starts.
#include <string>

#include "agent/base/result.hpp"
#include "agent/config/config.hpp"
#include "agent/control/paths.hpp"
#include "agent/core/types.hpp"
#include "agent/daemon/daemon.hpp"
#include "agent/transport/key_rotation.hpp"

namespace clusteragent::daemon {

struct Setup {
  control::Paths paths;
  std::string module;
  config::ClusterConfig cluster;
  config::ModuleConfig config;
  NodeId self{};
  transport::LoadedKeys keys;
  core::DurableState durable;
  Incarnation incarnation{};

  const std::string& node_name() const { return cluster.name_of(self); }
  const std::string& peer_name() const { return cluster.name_of(NodeId{static_cast<std::uint8_t>(1 - self.value())}); }
};

/// Diagnostics of the files go to standard error; the error says what to do.
Result<Setup> load_setup(const RunOptions& options);

}  // namespace clusteragent::daemon
