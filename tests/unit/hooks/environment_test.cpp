// Arguments and environment of a script, as the guide's chapter 14 and our own additions say.
#include "agent/hooks/environment.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace clusteragent::hooks {
namespace {

using core::ModuleState;
using core::RunScript;
using core::ScriptKind;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::StartsWith;

Options options() {
  Options options;
  options.module = "mysql";
  options.node = "node1";
  options.root = "/tmp/root";
  options.bin_dir = "/etc/m/bin";
  options.safe_dir = "/usr/lib/safe";
  options.safe_bin_dir = "/usr/lib/safe/bin";
  options.conf_dir = "/etc/m";
  options.var_dir = "/var/lib/c";
  options.user_var_dir = "/var/lib/c/mysql";
  return options;
}

RunScript failover() {
  RunScript run;
  run.script = ScriptKind::start_prim;
  run.from = ModuleState::second;
  run.to = ModuleState::alone;
  run.action = "start";
  return run;
}

TEST(ScriptArguments, name_both_states_and_the_action) {
  EXPECT_THAT(script_arguments("/m/start_prim", failover()), ElementsAre("/m/start_prim", "SECOND", "ALONE", "start"));
}

TEST(ScriptArguments, put_force_first) {
  RunScript run = failover();
  run.force = true;
  EXPECT_THAT(script_arguments("/m/stop_prim", run), ElementsAre("/m/stop_prim", "force", "SECOND", "ALONE", "start"));
}

TEST(ModuleEnvironment, has_safekits_seven_variables) {
  const auto environment = module_environment(options(), {});
  for (const char* entry : {"SAFE=/usr/lib/safe", "SAFEMODULE=mysql", "SAFEBIN=/usr/lib/safe/bin",
                            "SAFEUSERBIN=/etc/m/bin", "SAFEUSERCONF=/etc/m", "SAFEVAR=/var/lib/c",
                            "SAFEUSERVAR=/var/lib/c/mysql", "CLUSTERAGENT_ROOT=/tmp/root", "CLUSTERAGENT_NODE=node1"}) {
    EXPECT_THAT(environment, Contains(entry));
  }
}

TEST(ModuleEnvironment, keeps_what_systemd_tells_the_agent_from_the_application) {
  const auto environment = module_environment(
      options(), {"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1", "LISTEN_FDS=1", "PATH=/bin", "LC_ALL=C", "SECRET=x"});
  EXPECT_THAT(environment, Contains("PATH=/bin"));
  EXPECT_THAT(environment, Contains("LC_ALL=C"));
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "SECRET"}) {
    EXPECT_THAT(environment, Not(Contains(StartsWith(name))));
  }
}

TEST(ModuleEnvironment, offers_the_systems_tools_to_an_agent_without_a_path) {
  EXPECT_THAT(module_environment(options(), {}), Contains(StartsWith("PATH=/usr/local/sbin:")));
}

TEST(ModuleEnvironment, lets_a_variable_replace_what_is_inherited_but_not_what_the_agent_says) {
  Options with = options();
  with.variables = {{"PATH", "/opt/bin"}, {"PORT", "3306"}, {"SAFEMODULE", "other"}, {"CLUSTERAGENT_ROOT", "/"}};
  const auto environment = module_environment(with, {"PATH=/bin"});
  EXPECT_THAT(environment, Contains("PATH=/opt/bin"));
  EXPECT_THAT(environment, Not(Contains("PATH=/bin")));
  EXPECT_THAT(environment, Contains("PORT=3306"));
  EXPECT_THAT(environment, Not(Contains("SAFEMODULE=other")));
  EXPECT_THAT(environment, Not(Contains("CLUSTERAGENT_ROOT=/")));
}

TEST(RunEnvironment, tells_states_action_and_epoch) {
  EXPECT_THAT(
      run_environment(failover(), Epoch{8}),
      ElementsAre("CLUSTERAGENT_SCRIPT=start_prim", "CLUSTERAGENT_STATE=SECOND", "CLUSTERAGENT_NEXT_STATE=ALONE",
                  "CLUSTERAGENT_ACTION=start", "CLUSTERAGENT_FORCE=0", "CLUSTERAGENT_EPOCH=8"));
}

TEST(FenceScript, is_told_whom_to_switch_off_and_why) {
  RunScript run = failover();
  run.script = ScriptKind::fence;
  run.fence = core::FenceTarget{"node2", Epoch{9}, "no heartbeat from node2"};
  EXPECT_THAT(script_arguments("/m/fence", run), ElementsAre("/m/fence", "node2"));
  const auto environment = run_environment(run, Epoch{8});
  EXPECT_THAT(environment, Contains("CLUSTERAGENT_EPOCH=9"));
  EXPECT_THAT(environment, Contains("CLUSTERAGENT_REASON=no heartbeat from node2"));
  Options with = options();
  with.peer = "node2";
  with.peer_addresses = "192.0.2.2 198.51.100.2";
  EXPECT_THAT(module_environment(with, {}), Contains("CLUSTERAGENT_PEER_ADDRESSES=192.0.2.2 198.51.100.2"));
  EXPECT_THAT(module_environment(with, {}), Contains("CLUSTERAGENT_PEER=node2"));
}

TEST(ServiceClass, pairs_each_start_script_with_its_stop_script) {
  for (std::size_t i = 0; i < core::script_kinds; ++i) {
    const auto script = static_cast<ScriptKind>(i);
    EXPECT_FALSE(is_start_script(script) && is_stop_script(script));
    if (!is_stop_script(script)) continue;
    EXPECT_TRUE(is_start_script(start_script_of(script)));
    EXPECT_EQ(service_class(start_script_of(script)), service_class(script));
  }
  EXPECT_TRUE(service_class(ScriptKind::transition).empty());
}

TEST(ServiceMarker, differs_by_module_class_node_and_root) {
  Options other = options();
  other.root = "/tmp/other";
  EXPECT_NE(service_marker(options(), "prim"), service_marker(other, "prim"));
  EXPECT_NE(service_marker(options(), "prim"), service_marker(options(), "both"));
}

}  // namespace
}  // namespace clusteragent::hooks
