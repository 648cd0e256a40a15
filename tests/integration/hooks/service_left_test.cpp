// What a start script leaves running: kept alive, found again at the stop, and ended when the stop script did not. Each
// rule twice: with cgroup v2 and with the marker in the environment.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/integration/hooks/runner_fixture.hpp"

namespace clusteragent::hooks {
namespace {

using core::Outcome;
using core::ScriptKind;
using testing::HasSubstr;

enum class Tracking { cgroup, marker };

class ServiceLeft : public RunnerFixture, public testing::WithParamInterface<Tracking> {
 protected:
  void SetUp() override {
    RunnerFixture::SetUp();
    if (GetParam() == Tracking::marker) return;
    const auto cgroup = default_service_cgroup("test-" + std::to_string(::getpid()));
    if (!cgroup.ok()) GTEST_SKIP() << cgroup.error().message;
    options_.service_cgroup = *cgroup;
  }
  void TearDown() override {
    for (const int pid : started_) ::kill(pid, SIGKILL);
    runner_.reset();
    if (!options_.service_cgroup.empty()) {
      EXPECT_TRUE(eventually([this] {
        const ServiceGroup group{options_};
        group.remove_empty();
        return !std::filesystem::exists(group.cgroup());
      }));
    }
    RunnerFixture::TearDown();
  }

  /// start_prim leaves a server in its own session whose parent is gone.
  int start_server(const std::string& traps = "") {
    script("start_prim", "#!/bin/sh\nrm -f pid\n(setsid sh -c '" + traps +
                             " echo $$ > pid; while :; do sleep 0.05; done' >/dev/null 2>&1 &)\n"
                             "while [ ! -s pid ]; do sleep 0.01; done\n");
    EXPECT_EQ(run(request(ScriptKind::start_prim)).outcome, Outcome::success);
    const int pid = std::stoi(file("pid"));
    started_.push_back(pid);
    EXPECT_TRUE(is_running(pid));
    return pid;
  }

  core::RunScript force(ScriptKind kind) {
    auto run = request(kind);
    run.force = true;
    return run;
  }

  std::vector<int> started_;
};

TEST_P(ServiceLeft, force_kills_it_although_the_stop_script_does_nothing) {
  const int pid = start_server("trap \"\" TERM HUP INT;");
  script("stop_prim", "#!/bin/sh\nexit 0\n");
  EXPECT_EQ(run(force(ScriptKind::stop_prim)).outcome, Outcome::success);
  EXPECT_FALSE(is_running(pid));
}

TEST_P(ServiceLeft, graceful_stop_that_leaves_it_running_has_failed) {
  const int pid = start_server();
  script("stop_prim", "#!/bin/sh\nexit 0\n");
  const auto finished = run(request(ScriptKind::stop_prim, 800ms));
  EXPECT_EQ(finished.outcome, Outcome::failure);
  EXPECT_THAT(finished.detail, HasSubstr("still running although stopped: sh (" + std::to_string(pid) + ")"));
  EXPECT_TRUE(is_running(pid));
}

TEST_P(ServiceLeft, graceful_stop_waits_for_a_server_that_is_on_its_way_out) {
  const int pid = start_server("trap \"sleep 0.4; exit\" TERM;");
  script("stop_prim", "#!/bin/sh\nkill $(cat pid)\n");
  EXPECT_EQ(run(request(ScriptKind::stop_prim)).outcome, Outcome::success);
  EXPECT_FALSE(is_running(pid));
}

TEST_P(ServiceLeft, missing_stop_script_is_replaced_by_term_then_kill) {
  const int pid = start_server("trap \"touch terminated; exit\" TERM;");
  EXPECT_TRUE(runner().exists(ScriptKind::stop_prim));
  EXPECT_FALSE(runner().exists(ScriptKind::stop_both));
  EXPECT_EQ(run(request(ScriptKind::stop_prim)).outcome, Outcome::success);
  EXPECT_FALSE(is_running(pid));
  EXPECT_TRUE(std::filesystem::exists(top_ + "/var/terminated"));
}

TEST_P(ServiceLeft, other_classes_are_spared) {
  const int pid = start_server();
  script("stop_both", "#!/bin/sh\nexit 0\n");
  EXPECT_EQ(run(force(ScriptKind::stop_both)).outcome, Outcome::success);
  EXPECT_TRUE(is_running(pid));
}

TEST_P(ServiceLeft, survives_the_agent_and_is_found_by_the_next_ones_prestart) {
  const int pid = start_server();
  runner_.reset();
  EXPECT_TRUE(is_running(pid));
  script("prestart", "#!/bin/sh\nexit 0\n");
  EXPECT_EQ(run(request(ScriptKind::prestart)).outcome, Outcome::success);
  EXPECT_FALSE(is_running(pid));
}

TEST_P(ServiceLeft, a_start_over_its_limit_leaves_its_server_to_the_stop) {
  script("start_prim", "#!/bin/sh\n(setsid sh -c 'echo $$ > pid; while :; do sleep 0.05; done' &)\nsleep 600\n");
  EXPECT_EQ(run(request(ScriptKind::start_prim, 500ms)).outcome, Outcome::timed_out);
  const int pid = std::stoi(file("pid"));
  started_.push_back(pid);
  EXPECT_TRUE(is_running(pid));
  script("stop_prim", "#!/bin/sh\nexit 1\n");
  EXPECT_EQ(run(force(ScriptKind::stop_prim)).outcome, Outcome::failure) << "the script's own exit code counts";
  EXPECT_FALSE(is_running(pid));
}

TEST_P(ServiceLeft, a_process_that_was_not_started_by_the_module_is_spared) {
  const int stranger = ::fork();
  if (stranger == 0) {
    ::execl("/bin/sleep", "sleep", "600", nullptr);
    ::_exit(1);
  }
  started_.push_back(stranger);
  start_server();
  EXPECT_EQ(run(force(ScriptKind::stop_prim)).outcome, Outcome::success);
  EXPECT_TRUE(is_running(stranger));
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
  started_.clear();
}

TEST_P(ServiceLeft, another_node_on_the_same_machine_is_spared) {
  const int pid = start_server();
  const std::string node = options_.node;
  options_.node += "-other";
  runner_.reset();
  script("stop_prim", "#!/bin/sh\nexit 0\n");
  EXPECT_EQ(run(force(ScriptKind::stop_prim)).outcome, Outcome::success);
  EXPECT_TRUE(is_running(pid));
  options_.node = node;
}

std::string name_of_tracking(const testing::TestParamInfo<Tracking>& tested) {
  return tested.param == Tracking::cgroup ? "cgroup" : "marker";
}
INSTANTIATE_TEST_SUITE_P(By, ServiceLeft, testing::Values(Tracking::cgroup, Tracking::marker), name_of_tracking);

}  // namespace
}  // namespace clusteragent::hooks
