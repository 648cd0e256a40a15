// Real processes: found, watched, their death noticed.
#include "agent/watch/process_watch.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace clusteragent::watch {
namespace {

using namespace std::chrono_literals;
using core::FailureAction;
using core::WatchClass;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Clock = std::chrono::steady_clock;

class ProcessWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "watch.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    tag_ = "w" + std::to_string(::getpid());
    options_.poll = 400ms;
  }
  void TearDown() override {
    watch_.reset();
    for (const int pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::filesystem::remove_all(top_);
  }

  /// A copy of sleep(1) under that name, started and seen to run.
  int start(const std::string& name, const std::string& seconds = "600") {
    const std::string path = top_ + "/" + name;
    if (!std::filesystem::exists(path)) std::filesystem::copy_file("/bin/sleep", path);
    const int pid = ::fork();
    if (pid == 0) {
      ::execl(path.c_str(), path.c_str(), seconds.c_str(), nullptr);
      ::_exit(127);
    }
    children_.push_back(pid);
    const auto exe = "/proc/" + std::to_string(pid) + "/exe";
    std::error_code problem;
    for (int i = 0; i < 2000 && std::filesystem::read_symlink(exe, problem) != path; ++i) ::usleep(1000);
    return pid;
  }
  void kill(int pid) { ::kill(pid, SIGKILL); }  // not reaped: it stays a zombie

  ProcRule rule(const std::string& name) {
    ProcRule rule;
    rule.name = name;
    return rule;
  }
  ProcessWatch& watch(std::vector<ProcRule> rules) {
    options_.rules = std::move(rules);
    auto made = ProcessWatch::create(context_, options_, [this](core::Event event) {
      noticed_at_ = Clock::now();
      failures_.push_back(std::get<core::ProcessFailed>(event));
    });
    EXPECT_TRUE(made.ok());
    watch_ = std::move(made).value();
    return *watch_;
  }
  template <typename Condition>
  bool serve_until(Condition condition, std::chrono::milliseconds bound = 10s) {
    const auto end = Clock::now() + bound;
    while (!condition() && Clock::now() < end) {
      context_.restart();
      context_.run_one_for(10ms);
    }
    return condition();
  }
  bool serve_until_found(std::uint32_t count) {
    return serve_until([this, count] { return watch_->report()[0].count == count; });
  }
  void serve_for(std::chrono::milliseconds time) {
    serve_until([] { return false; }, time);
  }

  std::string top_;
  std::string tag_;
  Options options_;
  boost::asio::io_context context_;
  std::vector<core::ProcessFailed> failures_;
  Clock::time_point noticed_at_;
  std::unique_ptr<ProcessWatch> watch_;
  std::vector<int> children_;
};

TEST_F(ProcessWatchTest, notices_a_death_at_once) {
  options_.poll = 60s;
  std::vector<double> took;
  for (int i = 0; i < 10; ++i) {
    const int pid = start(tag_);
    auto watched = rule(tag_);
    watched.reaction = Reaction::restart;
    watch({watched}).arm(WatchClass::prim);
    ASSERT_TRUE(serve_until_found(1));
    EXPECT_THAT(watch_->report()[0].pids, ElementsAre(pid));
    failures_.clear();
    const auto killed = Clock::now();
    kill(pid);
    ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }, 2s));
    took.push_back(std::chrono::duration<double, std::milli>(noticed_at_ - killed).count());
    EXPECT_EQ(failures_[0].process, tag_);
    EXPECT_EQ(failures_[0].action, FailureAction::restart);
    EXPECT_THAT(failures_[0].detail,
                HasSubstr("Process " + tag_ + " not running (process " + std::to_string(pid) + " died)"));
  }
  std::sort(took.begin(), took.end());
  std::cout << "death noticed after: median " << took[5] << " ms, worst " << took.back() << " ms (aim: 20 ms)\n";
  EXPECT_LT(took.back(), 200.0);
}

TEST_F(ProcessWatchTest, finds_names_longer_than_fifteen_characters) {
  const std::string name = tag_ + "-server-with-a-long-name";
  const int pid = start(name + "-1");
  start(name + "-2");
  watch({rule(name + "-1")}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  EXPECT_THAT(watch_->report()[0].pids, ElementsAre(pid));
}

TEST_F(ProcessWatchTest, finds_a_script_by_its_own_long_name) {
  const std::string path = top_ + "/" + tag_ + "-script-with-a-long-name";
  std::ofstream{path} << "#!/bin/sh\nwhile :; do sleep 0.1; done\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  const int pid = ::fork();
  if (pid == 0) {
    ::execl(path.c_str(), path.c_str(), nullptr);
    ::_exit(127);
  }
  children_.push_back(pid);
  watch({rule(tag_ + "-script-with-a-long-name")}).arm(WatchClass::prim);
  EXPECT_TRUE(serve_until_found(1));
}

TEST_F(ProcessWatchTest, finds_by_expressions_over_name_and_arguments) {
  start(tag_ + "a", "601");
  start(tag_ + "b", "602");
  auto by_name = rule("label");
  by_name.name_regex = "^" + tag_ + "[ab]$";
  auto by_argument = by_name;
  by_argument.arg_regex = tag_ + "b 602$";
  watch({by_name, by_argument}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(2));
  EXPECT_EQ(watch_->report()[1].count, 1U);
}

TEST_F(ProcessWatchTest, zombie_does_not_count) {
  const int pid = start(tag_);
  kill(pid);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  watch({rule(tag_)}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }));
  EXPECT_EQ(failures_[0].action, FailureAction::stopstart);
  EXPECT_THAT(watch_->report()[0].pids, IsEmpty());
}

TEST_F(ProcessWatchTest, process_that_never_appears_is_reported_after_one_poll_and_not_before) {
  const auto begin = Clock::now();
  watch({rule(tag_)}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }));
  EXPECT_GE(noticed_at_ - begin, 400ms);
  EXPECT_LT(noticed_at_ - begin, 2s);
}

TEST_F(ProcessWatchTest, process_that_appears_within_a_poll_is_no_failure) {
  watch({rule(tag_)}).arm(WatchClass::prim);
  serve_for(100ms);
  start(tag_);
  EXPECT_TRUE(serve_until_found(1));
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(ProcessWatchTest, start_after_delays_the_verdict) {
  options_.poll = 150ms;
  auto watched = rule(tag_);
  watched.start_after = 5;
  const auto begin = Clock::now();
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }));
  EXPECT_GE(noticed_at_ - begin, 600ms);
}

TEST_F(ProcessWatchTest, server_that_replaces_itself_is_no_failure) {
  options_.poll = 60s;
  const int old = start(tag_);
  watch({rule(tag_)}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  const int successor = start(tag_);  // child of the same parent
  kill(old);
  ASSERT_TRUE(serve_until([&] { return watch_->report()[0].pids == std::vector<int>{successor}; }));
  serve_for(200ms);
  EXPECT_THAT(failures_, IsEmpty());
  kill(successor);
  EXPECT_TRUE(serve_until([this] { return !failures_.empty(); }, 2s)) << "the successor is watched as well";
}

TEST_F(ProcessWatchTest, disarmed_it_is_silent_and_armed_again_it_speaks) {
  const int pid = start(tag_);
  watch({rule(tag_)}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  watch_->disarm(WatchClass::prim);
  kill(pid);
  serve_for(900ms);
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_FALSE(watch_->report()[0].count);
  const int next = start(tag_);
  watch_->arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  kill(next);
  EXPECT_TRUE(serve_until([this] { return !failures_.empty(); }, 2s));
}

TEST_F(ProcessWatchTest, classes_are_armed_one_by_one) {
  auto both = rule(tag_);
  both.watch_class = WatchClass::both;
  watch({both}).arm(WatchClass::prim);
  serve_for(900ms);
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(ProcessWatchTest, speaks_once_a_poll) {
  options_.poll = 300ms;
  const int pid = start(tag_);
  watch({rule(tag_)}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  kill(pid);
  serve_for(1000ms);
  EXPECT_GE(failures_.size(), 2U);
  EXPECT_LE(failures_.size(), 4U);
}

TEST_F(ProcessWatchTest, too_many_are_reported_at_the_next_look) {
  auto watched = rule(tag_);
  watched.at_max = 3;
  watched.reaction = Reaction::stop;
  for (int i = 0; i < 2; ++i) start(tag_);
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(2));
  EXPECT_THAT(failures_, IsEmpty());
  start(tag_);
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }));
  EXPECT_EQ(failures_[0].action, FailureAction::stop);
  EXPECT_THAT(failures_[0].detail, HasSubstr("runs 3 times (atmax=3)"));
}

TEST_F(ProcessWatchTest, noaction_is_reported_in_the_status_only) {
  auto watched = rule(tag_);
  watched.reaction = Reaction::noaction;
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until([this] { return !watch_->report()[0].last_problem.empty(); }));
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_THAT(watch_->report()[0].last_problem, HasSubstr("not running"));
}

TEST_F(ProcessWatchTest, handler_that_succeeds_has_dealt_with_it_and_one_that_fails_is_a_stopstart) {
  std::vector<std::vector<std::string>> calls;
  CommandAnswer answer{true, "", ""};
  options_.run_command = [&](std::vector<std::string> arguments, Duration, bool is_handler, auto done) {
    EXPECT_TRUE(is_handler);
    calls.push_back(std::move(arguments));
    boost::asio::post(context_, [done, answer] { done(answer); });
  };
  auto watched = rule(tag_);
  watched.reaction = Reaction::handler;
  watched.handler = "repair";
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until([&] { return calls.size() == 1; }));
  EXPECT_THAT(calls[0], ElementsAre("repair", tag_));
  serve_for(100ms);
  EXPECT_THAT(failures_, IsEmpty());
  answer = {false, "exit code 3", ""};
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }));
  EXPECT_EQ(failures_[0].action, FailureAction::stopstart);
  EXPECT_THAT(failures_[0].detail, AllOf(HasSubstr("repair"), HasSubstr("exit code 3")));
}

TEST_F(ProcessWatchTest, service_is_asked_and_its_main_process_watched) {
  options_.poll = 60s;
  const int pid = start(tag_);
  std::string output = "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=" + std::to_string(pid) + "\n";
  int asked = 0;
  options_.run_command = [&](std::vector<std::string> arguments, Duration, bool, auto done) {
    EXPECT_EQ(arguments.front(), "systemctl");
    EXPECT_EQ(arguments.back(), "db.service");
    // systemd is a little slow: it names the dead process twice more.
    if (++asked == 4) output = "LoadState=loaded\nActiveState=failed\nSubState=failed\nMainPID=0\n";
    boost::asio::post(context_, [done, output] { done(CommandAnswer{true, "", output}); });
  };
  auto watched = rule("db.service");
  watched.is_service = true;
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(1));
  kill(pid);
  ASSERT_TRUE(serve_until([this] { return !failures_.empty(); }, 2s));
  EXPECT_EQ(asked, 4);
  EXPECT_THAT(failures_[0].detail, AllOf(HasSubstr("Service db.service not running"), HasSubstr("failed")));
}

TEST_F(ProcessWatchTest, service_that_cannot_be_asked_is_unknown_and_no_failure) {
  options_.run_command = [&](std::vector<std::string>, Duration, bool, auto done) {
    boost::asio::post(context_, [done] { done(CommandAnswer{false, "systemctl: there is no such file", ""}); });
  };
  auto watched = rule("db.service");
  watched.is_service = true;
  watch({watched}).arm(WatchClass::prim);
  serve_for(1000ms);
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_FALSE(watch_->report()[0].count);
  EXPECT_THAT(watch_->report()[0].last_problem, HasSubstr("no such file"));
}

TEST_F(ProcessWatchTest, many_deaths_at_once_are_one_failure) {
  options_.poll = 60s;
  std::vector<int> pids;
  for (int i = 0; i < 30; ++i) pids.push_back(start(tag_));
  auto watched = rule(tag_);
  watched.at_least = 25;
  watch({watched}).arm(WatchClass::prim);
  ASSERT_TRUE(serve_until_found(30));
  for (int i = 0; i < 5; ++i) kill(pids[static_cast<std::size_t>(i)]);
  ASSERT_TRUE(serve_until_found(25));
  EXPECT_THAT(failures_, IsEmpty());
  for (const int pid : pids) kill(pid);
  ASSERT_TRUE(serve_until([this] { return watch_->report()[0].count == 0U && !failures_.empty(); }));
  serve_for(200ms);
  EXPECT_THAT(failures_, SizeIs(1));
}

TEST_F(ProcessWatchTest, ends_while_looks_and_waits_are_under_way) {
  start(tag_);
  for (int i = 0; i < 20; ++i) {
    watch({rule(tag_)}).arm(WatchClass::prim);
    if (i % 2 == 0) serve_for(20ms);
    watch_.reset();
    context_.restart();
    context_.poll();
  }
  EXPECT_THAT(failures_, IsEmpty());
}

}  // namespace
}  // namespace clusteragent::watch
