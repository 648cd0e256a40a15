// `clusteragent rfs verify`: compares both copies of the replicated directory, from the primary.
#include <memory>

#include "agent/cli/verbs.hpp"
#include "agent/cli/verify.hpp"

namespace clusteragent::cli {

void add_rfs(const Program& program) {
  auto* verb = program.app.add_subcommand("rfs", "The replicated directory (<rfs>)");
  verb->require_subcommand(1);
  auto* compare = verb->add_subcommand("verify", "Compare both copies while the application goes on; on the primary");
  auto wishes = std::make_shared<VerifyWishes>();
  compare->add_flag("--repair", wishes->repairs, "Send this node's data for what differs");
  compare->add_flag("--wait", wishes->waits, "Wait for the result; exit code 6: the copies differ");
  compare->callback([program, wishes] { program.exit_code = verify(program.context, *wishes); });
}

}  // namespace clusteragent::cli
