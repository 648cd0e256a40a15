#include "agent/base/version.hpp"

#include <fmt/format.h>

#include "agent/cli/verbs.hpp"
#include "agent/wire/frame.hpp"

namespace clusteragent::cli {

void add_version(const Program& program) {
  program.app.add_subcommand("version", "Show the version, and the heartbeat protocols it speaks")->callback([] {
    fmt::print("clusteragent {} (heartbeat protocol {} to {})\n", version, wire::own_versions.lowest,
               wire::own_versions.highest);
  });
}

}  // namespace clusteragent::cli
