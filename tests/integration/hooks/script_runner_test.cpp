// Real scripts as real processes: outcome, limits, output, what they inherit.
#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "tests/integration/hooks/runner_fixture.hpp"

namespace clusteragent::hooks {
namespace {

using core::Outcome;
using core::ScriptKind;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using ScriptRunnerTest = RunnerFixture;

TEST_F(ScriptRunnerTest, reports_success_and_keeps_the_output) {
  script("start_prim", "#!/bin/sh\necho \"args $*\"\necho problem >&2\n");
  const auto finished = run(request(ScriptKind::start_prim));
  EXPECT_EQ(finished.outcome, Outcome::success);
  EXPECT_EQ(finished.token, Token{1});
  EXPECT_EQ(content(userlog("start_prim")), "args WAIT ALONE start\nproblem\n");
}

TEST_F(ScriptRunnerTest, reports_exit_code_and_last_lines_of_a_failure) {
  script("start_prim", "#!/bin/sh\necho first\necho 'no space left'\nexit 3\n");
  const auto finished = run(request(ScriptKind::start_prim));
  EXPECT_EQ(finished.outcome, Outcome::failure);
  EXPECT_THAT(finished.detail, AllOf(HasSubstr("exit code 3"), HasSubstr("first | no space left"), HasSubstr(".ulog")));
}

TEST_F(ScriptRunnerTest, names_the_signal_that_ended_a_script) {
  script("start_prim", "#!/bin/sh\nkill -SEGV $$\n");
  const auto finished = run(request(ScriptKind::start_prim));
  EXPECT_EQ(finished.outcome, Outcome::failure);
  EXPECT_THAT(finished.detail, HasSubstr("killed by SIGSEGV"));
}

TEST_F(ScriptRunnerTest, says_what_is_wrong_with_a_script_that_cannot_run) {
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, HasSubstr("there is no such file"));
  script("start_prim", "#!/bin/sh\n", 0644);
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, HasSubstr("chmod 755 " + top_ + "/bin/start_prim"));
  script("start_prim", "echo no interpreter\n");
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, HasSubstr("#!/bin/sh as its first line"));
  script("start_prim", "#!/nowhere/bash\n");
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, HasSubstr("/nowhere/bash does not exist"));
  script("start_prim", "#!/bin/sh\r\necho windows\r\n");
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, HasSubstr("as on Windows"));
  for (const auto& answer : answers_) EXPECT_EQ(answer.outcome, Outcome::failure);
}

TEST_F(ScriptRunnerTest, kills_at_the_limit_a_script_that_ignores_term_and_its_children) {
  script(
      "start_prim",
      "#!/bin/sh\ntrap '' TERM INT HUP\n(trap '' TERM; sleep 600) & echo $! > child\n(sleep 600) & echo $! >> child\n"
      "echo started\nwhile :; do sleep 600; done\n");
  const auto begin = std::chrono::steady_clock::now();
  const auto finished = run(request(ScriptKind::start_prim, 500ms));
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(finished.outcome, Outcome::timed_out);
  EXPECT_THAT(finished.detail, AllOf(HasSubstr("time limit"), HasSubstr("started")));
  EXPECT_GE(took, 500ms);
  EXPECT_LT(took, 3s);
  std::istringstream children{file("child")};
  int seen = 0;
  for (int pid = 0; children >> pid; ++seen) EXPECT_TRUE(eventually([pid] { return !is_running(pid); })) << pid;
  EXPECT_EQ(seen, 2);
}

TEST_F(ScriptRunnerTest, ends_a_cancelled_script_and_still_answers) {
  script("start_prim", "#!/bin/sh\necho $$ > pid\nsleep 600\n");
  const auto asked = request(ScriptKind::start_prim);
  runner().run(asked);
  ASSERT_TRUE(eventually([this] { return !file("pid").empty(); }));
  runner().cancel(asked.token);
  ASSERT_TRUE(wait_for_answers(1));
  EXPECT_EQ(answers_[0].outcome, Outcome::failure);
  EXPECT_THAT(answers_[0].detail, HasSubstr("cancelled"));
  EXPECT_FALSE(is_running(std::stoi(file("pid"))));
  runner().cancel(asked.token);
  EXPECT_FALSE(wait_for_answers(2, 300ms)) << "answered twice";
}

TEST_F(ScriptRunnerTest, cancelled_before_it_began_it_is_answered_once) {
  script("start_prim", "#!/bin/sh\nsleep 600\n");
  const auto asked = request(ScriptKind::start_prim);
  runner().run(asked);
  runner().cancel(asked.token);
  ASSERT_TRUE(wait_for_answers(1, 5s));
  EXPECT_EQ(answers_[0].outcome, Outcome::failure);
}

TEST_F(ScriptRunnerTest, does_not_wait_for_a_server_that_holds_the_output_open) {
  script("start_prim",
         "#!/bin/sh\nsetsid sh -c 'echo $$ > pid; while [ ! -e stop ]; do sleep 0.05; done; echo bye' &\n"
         "while [ ! -s pid ]; do sleep 0.01; done\necho up\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(request(ScriptKind::start_prim)).outcome, Outcome::success);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  const int pid = std::stoi(file("pid"));
  EXPECT_TRUE(is_running(pid));
  runner_.reset();  // the agent goes away, the server and its output live on
  EXPECT_TRUE(is_running(pid));
  std::ofstream{top_ + "/var/stop"} << "1";
  EXPECT_TRUE(eventually([this] { return content(userlog("start_prim")) == "up\nbye\n"; }));
}

TEST_F(ScriptRunnerTest, bounds_the_userlog_while_the_script_writes_without_end) {
  options_.userlog_bytes_max = 64 * 1024;
  script("start_prim",
         "#!/bin/sh\ni=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero | tr '\\0' 'x'; echo; "
         "i=$((i+1)); sleep 0.02; done; echo last words; exit 1\n");
  const auto finished = run(request(ScriptKind::start_prim));
  EXPECT_THAT(finished.detail, HasSubstr("last words"));
  EXPECT_LE(finished.detail.size(), 2048U);
  const std::string path = userlog("start_prim");
  EXPECT_LT(std::filesystem::file_size(path), 4'000'000U) << "nothing was cut while it ran";
}

TEST_F(ScriptRunnerTest, swallows_ten_megabytes_of_output) {
  script("start_prim", "#!/bin/sh\nhead -c 10000000 /dev/urandom\nexit 5\n");
  const auto finished = run(request(ScriptKind::start_prim));
  EXPECT_THAT(finished.detail, HasSubstr("exit code 5"));
  EXPECT_LE(finished.detail.size(), 8192U);
}

TEST_F(ScriptRunnerTest, without_logging_makes_no_file_and_says_the_exit_code) {
  options_.logging = false;
  script("start_prim", "#!/bin/sh\necho lost\nexit 4\n");
  EXPECT_THAT(run(request(ScriptKind::start_prim)).detail, AllOf(HasSubstr("exit code 4"), Not(HasSubstr("lost"))));
  EXPECT_FALSE(std::filesystem::exists(top_ + "/log"));
}

TEST_F(ScriptRunnerTest, runs_without_a_userlog_where_none_can_be_made) {
  options_.userlog_dir = "/dev/null/log";
  script("start_prim", "#!/bin/sh\ntouch ran\n");
  EXPECT_EQ(run(request(ScriptKind::start_prim)).outcome, Outcome::success);
  EXPECT_TRUE(std::filesystem::exists(top_ + "/var/ran"));
}

TEST_F(ScriptRunnerTest, leaks_no_descriptor_and_no_signal_state_into_a_script) {
  const Fd inherited{::open("/dev/null", O_RDONLY)};  // without close-on-exec, as a careless library would
  const Fd high{::fcntl(inherited.number(), F_DUPFD, 700)};
  ASSERT_TRUE(high);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const auto previous = ::signal(SIGPIPE, SIG_IGN);
  script("start_prim",
         "#!/bin/sh\nls /proc/self/fd > fds\nreadlink /proc/self/fd/0 > stdin\n"
         "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status > signals\nps -o pid=,pgid=,sid= -p $$ > group\n");
  EXPECT_EQ(run(request(ScriptKind::start_prim)).outcome, Outcome::success);
  ::signal(SIGPIPE, previous);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  EXPECT_EQ(file("fds"), "0\n1\n2\n3\n") << "3 is ls's own";
  EXPECT_EQ(file("stdin"), "/dev/null\n");
  EXPECT_THAT(file("signals"), HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"));
  std::istringstream group{file("group")};
  int pid = 0;
  int pgid = 0;
  int sid = 0;
  group >> pid >> pgid >> sid;
  EXPECT_EQ(pid, pgid);
  EXPECT_EQ(pid, sid);
}

TEST_F(ScriptRunnerTest, gives_the_environment_and_the_working_directory) {
  options_.variables = {{"MYSQL_PORT", "3307"}};
  ::setenv("NOTIFY_SOCKET", "/run/never", 1);
  script("start_prim", "#!/bin/sh\nenv > env; pwd > pwd\n");
  runner().set_epoch(Epoch{12});
  EXPECT_EQ(run(request(ScriptKind::start_prim)).outcome, Outcome::success);
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_THAT(file("env"), AllOf(HasSubstr("SAFEMODULE=test\n"), HasSubstr("SAFEUSERBIN=" + top_ + "/bin\n"),
                                 HasSubstr("MYSQL_PORT=3307\n"), HasSubstr("CLUSTERAGENT_EPOCH=12\n"),
                                 HasSubstr("CLUSTERAGENT_NEXT_STATE=ALONE\n"), Not(HasSubstr("NOTIFY_SOCKET"))));
  EXPECT_EQ(file("pwd"), top_ + "/var\n");
}

TEST_F(ScriptRunnerTest, notices_an_exit_at_once) {
  script("transition", "#!/bin/sh\nexit 0\n");
  std::vector<double> took;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(run(request(ScriptKind::transition)).outcome, Outcome::success);
    took.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(took.begin(), took.end());
  RecordProperty("median_ms", std::to_string(took[10]));
  std::cout << "run of an empty script: median " << took[10] << " ms, worst " << took.back() << " ms\n";
  EXPECT_LT(took[10], 100.0);
}

TEST_F(ScriptRunnerTest, kills_what_runs_when_the_agent_ends) {
  script("start_prim", "#!/bin/sh\necho $$ > pid\nsleep 600\n");
  runner().run(request(ScriptKind::start_prim));
  ASSERT_TRUE(eventually([this] { return !file("pid").empty(); }));
  const int pid = std::stoi(file("pid"));
  runner_.reset();
  EXPECT_TRUE(eventually([pid] { return !is_running(pid); }));
  context_.restart();
  context_.poll();
  EXPECT_THAT(answers_, IsEmpty());
}

TEST_F(ScriptRunnerTest, answers_after_the_limit_when_a_file_system_hangs) {
  // Opening a FIFO that nobody reads never returns: it stands for a file system that does not answer.
  options_.service_cgroup = top_ + "/hangs";
  const std::string fifo = ServiceGroup{options_}.cgroup() + "/prim/cgroup.procs";
  std::filesystem::create_directories(std::filesystem::path{fifo}.parent_path());
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  script("start_prim", "#!/bin/sh\ntouch ran\n");
  script("transition", "#!/bin/sh\n");
  runner().run(request(ScriptKind::start_prim, 300ms));
  const auto other = run(request(ScriptKind::transition));
  EXPECT_EQ(other.outcome, Outcome::success) << "a hung run held up another one";
  ASSERT_TRUE(wait_for_answers(2));
  EXPECT_EQ(answers_[1].outcome, Outcome::timed_out);
  EXPECT_THAT(answers_[1].detail, HasSubstr("hangs"));
  const Fd reader{::open(fifo.c_str(), O_RDONLY | O_NONBLOCK)};  // now it answers
  EXPECT_FALSE(wait_for_answers(3, 500ms)) << "answered twice";
  EXPECT_FALSE(std::filesystem::exists(top_ + "/var/ran")) << "started although it had been given up";
}

TEST_F(ScriptRunnerTest, reads_back_what_a_command_of_the_system_prints) {
  CommandResult result;
  bool is_done = false;
  runner().command({{"echo", "MainPID=12"}, 10s, false}, [&](const CommandResult& done) {
    result = done;
    is_done = true;
  });
  EXPECT_FALSE(is_done);
  while (!is_done && context_.run_one_for(10s) > 0) {
  }
  EXPECT_TRUE(result.is_success) << result.detail;
  EXPECT_EQ(result.output, "MainPID=12\n");
}

TEST_F(ScriptRunnerTest, runs_a_handler_from_the_modules_bin) {
  script("handle", "#!/bin/sh\necho \"handling $1 of $SAFEMODULE\"\nexit 7\n");
  CommandResult result;
  bool is_done = false;
  runner().command({{"handle", "mysqld"}, 10s, true}, [&](const CommandResult& done) {
    result = done;
    is_done = true;
  });
  while (!is_done && context_.run_one_for(10s) > 0) {
  }
  EXPECT_FALSE(result.is_success);
  EXPECT_THAT(result.detail, AllOf(HasSubstr("exit code 7"), HasSubstr("handling mysqld of test")));
}

}  // namespace
}  // namespace clusteragent::hooks
