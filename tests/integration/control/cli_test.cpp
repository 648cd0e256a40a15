// The command line, in process, against a stub of the agent: exit codes and what is printed where.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "agent/cli/program.hpp"
#include "tests/integration/control/agent_stub.hpp"

namespace clusteragent::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int code = -1;
  std::string out;
  std::string error;
};

class CommandLine : public testing::Test {
 protected:
  CommandLine() : root_{"cli"} {
    ::unsetenv("SAFEMODULE");
    ::unsetenv("CLUSTERAGENT_ROOT");
    install("web");
  }

  void install(const std::string& module) const { root_.write(root_.paths().user_config(module), "<safe/>"); }

  Outcome run(std::vector<const char*> words) const {
    std::vector<const char*> arguments{"clusteragent", "--root", root_.path().c_str()};
    arguments.insert(arguments.end(), words.begin(), words.end());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.code = cli::run_program(static_cast<int>(arguments.size()), arguments.data(),
                                    [this](const daemon::RunOptions& options) {
                                      ran_ = options;
                                      return 0;
                                    },
                                    {});
    std::fflush(stdout);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.error = testing::internal::GetCapturedStderr();
    return outcome;
  }

  TemporaryRoot root_;
  mutable daemon::RunOptions ran_;
};

TEST_F(CommandLine, usage_errors_are_2) {
  for (const std::vector<const char*>& words : {std::vector<const char*>{},
                                                {"explode"},
                                                {"status", "--no-such"},
                                                {"swap", "now"},
                                                {"start", "--force"},
                                                {"stop", "--timeout", "0"},
                                                {"config"},
                                                {"printi"},
                                                {"log", "-n", "none"},
                                                {"explain", "HALT"},
                                                {"-m", "../web", "status"},
                                                {"status", "--json", "--exit-state"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 2) << outcome.error;
    EXPECT_NE(outcome.error, "");
  }
}

TEST_F(CommandLine, help_and_version_succeed) {
  EXPECT_EQ(run({"--help"}).code, 0);
  EXPECT_THAT(run({"swap", "--help"}).out, HasSubstr("--no-wait"));
  EXPECT_THAT(run({"version"}).out, HasSubstr("clusteragent "));
}

TEST_F(CommandLine, without_an_agent_every_verb_that_needs_it_is_4_and_names_the_remedy) {
  for (const char* verb : {"status", "start", "stop", "restart", "stopstart", "swap", "prim", "second"}) {
    const Outcome outcome = run({verb});
    EXPECT_EQ(outcome.code, 4) << verb;
    EXPECT_THAT(outcome.error, HasSubstr("systemctl start clusteragent@web"));
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(run({"printe", "x"}).code, 4);
}

TEST_F(CommandLine, a_refusal_is_3_and_names_the_reason_and_the_overriding_command) {
  AgentStub agent{root_, "web"};
  agent.answer_orders(core::Reply{{}, false, "node2 is primary; to move the service here use clusteragent swap"});
  const Outcome outcome = run({"prim"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("use clusteragent swap"));
}

TEST_F(CommandLine, start_waits_until_the_module_has_settled) {
  AgentStub agent{root_, "web"};
  agent.show({{"STOP", "NotReady", "x"},
              {"WAIT", "Transient", "x"},
              {"ALONE", "Transient", "x"},
              {"ALONE", "Ready", "node1 is primary"}});
  const Outcome outcome = run({"start"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("web: ALONE Ready: node1 is primary"));
}

TEST_F(CommandLine, start_that_ends_blocked_is_3_with_the_reason_and_the_remedy) {
  AgentStub agent{root_, "web"};
  agent.show({{"STOP", "NotReady", "x"}, {"WAIT", "Transient", "x"}, {"WAIT", "NotReady", "node2 holds newer writes"}});
  const Outcome outcome = run({"start"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("node2 holds newer writes"));
  EXPECT_THAT(outcome.error, HasSubstr("remedy: try harder"));
}

TEST_F(CommandLine, a_wait_ends_at_its_time_limit_with_1) {
  AgentStub agent{root_, "web"};
  agent.show({{"PRIM", "Ready", "x"}, {"PRIM", "Transient", "stop_prim hangs"}});
  const Outcome outcome = run({"stop", "--timeout", "1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, HasSubstr("stop_prim hangs"));
}

TEST_F(CommandLine, scripts_and_no_wait_do_not_wait) {
  AgentStub agent{root_, "web"};
  agent.show({{"PRIM", "Transient", "x"}});
  EXPECT_EQ(run({"stop", "--no-wait"}).code, 0);
  EXPECT_EQ(run({"stop", "-i", "start_prim"}).code, 0);
  ::setenv("SAFEMODULE", "web", 1);
  EXPECT_EQ(run({"restart"}).code, 0);
  ::unsetenv("SAFEMODULE");
  ASSERT_EQ(agent.orders().size(), 3U);
  EXPECT_EQ(agent.orders()[1].identity, "start_prim");
}

TEST_F(CommandLine, force_reaches_the_agent) {
  AgentStub agent{root_, "web"};
  EXPECT_EQ(run({"prim", "--force", "--no-wait"}).code, 0);
  ASSERT_EQ(agent.orders().size(), 1U);
  EXPECT_TRUE(agent.orders()[0].force);
}

TEST_F(CommandLine, exit_state_follows_safekit) {
  AgentStub agent{root_, "web"};
  int code = 0;
  for (const char* state : {"STOP", "WAIT", "ALONE", "PRIM", "SECOND"}) {
    agent.show({{state, "Ready", "x"}});
    std::this_thread::sleep_for(2 * control::status_age_max);  // the server may answer from before
    const Outcome outcome = run({"status", "--exit-state"});
    EXPECT_EQ(outcome.code, code++);
    EXPECT_EQ(outcome.out, std::string{state} + " Ready\n");
  }
}

TEST_F(CommandLine, status_is_text_or_one_json_document) {
  AgentStub agent{root_, "web"};
  EXPECT_THAT(run({"status"}).out, HasSubstr("STOP NotReady"));
  EXPECT_THAT(run({"status"}).out, Not(HasSubstr("\x1b"))) << "no colours off a terminal";
  const auto document = control::Json::parse(run({"status", "--json"}).out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document.at("schema"), 1);
}

TEST_F(CommandLine, several_modules_are_shown_together_and_told_apart) {
  install("db");
  AgentStub web{root_, "web"};
  const Outcome outcome = run({"status", "--json"});
  EXPECT_EQ(outcome.code, 4) << "the agent of db does not run";
  const auto documents = control::Json::parse(outcome.out, nullptr, false);
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].at("module"), "db");
  EXPECT_TRUE(documents[0].at("local").is_null());
  EXPECT_EQ(documents[1].at("module"), "web");
  EXPECT_EQ(run({"stop"}).code, 2) << "which one?";
  EXPECT_THAT(run({"stop"}).error, HasSubstr("db, web"));
  EXPECT_EQ(run({"status", "-m", "web"}).code, 0);
}

TEST_F(CommandLine, prints_go_into_the_log_with_their_level) {
  AgentStub agent{root_, "web"};
  EXPECT_EQ(run({"printi", "hello", "world"}).code, 0);
  EXPECT_EQ(run({"printw", "careful"}).code, 0);
  EXPECT_EQ(run({"printe", "broken"}).code, 0);
  EXPECT_EQ(run({"printi", "-m", "web", "--", "-x is no option"}).code, 0);
  EXPECT_THAT(agent.printed(), testing::ElementsAre("I hello world", "W careful", "E broken", "I -x is no option"));
}

TEST_F(CommandLine, a_wrong_node_name_is_noticed) {
  AgentStub agent{root_, "web"};
  EXPECT_EQ(run({"--node", "node2", "status"}).code, 2);
  EXPECT_EQ(run({"--node", "node1", "status"}).code, 0);
}

TEST_F(CommandLine, keygen_writes_a_private_file_once) {
  EXPECT_EQ(run({"keygen"}).code, 0);
  struct stat facts {};
  ASSERT_EQ(::stat(root_.paths().key_file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600U);
  EXPECT_EQ(run({"keygen"}).code, 3);
  EXPECT_EQ(run({"keygen", "--force"}).code, 0);
}

TEST_F(CommandLine, the_log_is_read_without_an_agent) {
  EXPECT_EQ(run({"log"}).code, 4);
  root_.write(root_.paths().log_file("web"), "one\ntwo\n");
  EXPECT_EQ(run({"log", "-n", "1"}).out, "two\n");
}

TEST_F(CommandLine, run_passes_on_what_it_was_told) {
  EXPECT_EQ(run({"--node", "node1", "run", "--debug"}).code, 0);
  EXPECT_EQ(ran_.root, root_.path());
  EXPECT_EQ(ran_.node, "node1");
  EXPECT_EQ(ran_.module, "web");
  EXPECT_TRUE(ran_.debug);
}

TEST_F(CommandLine, explain_speaks_of_the_state) {
  EXPECT_THAT(run({"explain", "PRIM"}).out, HasSubstr("PRIM Ready"));
  EXPECT_EQ(run({"explain"}).code, 0);
  EXPECT_THAT(run({"explain", "--page"}).out, HasSubstr("# States"));
}

}  // namespace
}  // namespace clusteragent::test
