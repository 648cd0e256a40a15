#pragma once
// A module with scripts in a temporary directory, and a loop that waits for answers within a bound.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/hooks/script_runner.hpp"

namespace clusteragent::hooks {

using namespace std::chrono_literals;

class RunnerFixture : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "hooks.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    std::filesystem::create_directories(top_ + "/bin");
    std::filesystem::create_directories(top_ + "/var");
    options_.module = "test";
    options_.node = "node-" + std::to_string(::getpid());
    options_.root = top_;
    options_.bin_dir = top_ + "/bin";
    options_.safe_dir = top_ + "/safe";
    options_.safe_bin_dir = top_ + "/safe/bin";
    options_.conf_dir = top_;
    options_.var_dir = top_;
    options_.user_var_dir = top_ + "/var";
    options_.userlog_dir = top_ + "/log";
  }
  void TearDown() override {
    runner_.reset();
    std::filesystem::remove_all(top_);
  }

  void script(const std::string& name, const std::string& body, mode_t mode = 0755) {
    const std::string path = top_ + "/bin/" + name;
    std::ofstream{path} << body;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

  ScriptRunner& runner() {
    if (!runner_) {
      runner_ = std::make_unique<ScriptRunner>(
          context_, options_, [this](core::Event event) { answers_.push_back(std::get<core::ActionFinished>(event)); });
    }
    return *runner_;
  }

  core::RunScript request(core::ScriptKind script, Duration limit = 20s) {
    core::RunScript run;
    run.token = Token{++last_token_};
    run.script = script;
    run.from = core::ModuleState::wait;
    run.to = core::ModuleState::alone;
    run.action = "start";
    run.limit = limit;
    return run;
  }

  /// Serves the loop until `answers` answers are there or the bound has passed.
  bool wait_for_answers(std::size_t answers, std::chrono::milliseconds bound = 30s) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (answers_.size() < answers && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(50ms);
    }
    return answers_.size() >= answers;
  }

  core::ActionFinished run(const core::RunScript& run) {
    const std::size_t before = answers_.size();
    runner().run(run);
    EXPECT_EQ(answers_.size(), before) << "answered from inside the call";
    EXPECT_TRUE(wait_for_answers(before + 1));
    return answers_.size() > before ? answers_.back() : core::ActionFinished{};
  }

  std::string content(const std::string& path) const {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
  }
  std::string file(const std::string& name) const { return content(top_ + "/var/" + name); }

  /// The only or the newest userlog of a script.
  std::string userlog(const std::string& script) const {
    std::string newest;
    for (const auto& entry : std::filesystem::directory_iterator{top_ + "/log"}) {
      if (userlog_script(entry.path().filename().string()) == script) newest = std::max(newest, entry.path().string());
    }
    return newest;
  }

  /// True once the condition holds, asked every few milliseconds within a bound.
  template <typename Condition>
  static bool eventually(Condition condition, std::chrono::milliseconds bound = 10s) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      ::usleep(5000);
    }
    return true;
  }

  /// Alive and no zombie.
  static bool is_running(int pid) {
    std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    if (!std::getline(stat, line)) return false;
    const char state = line[line.find_last_of(')') + 2];
    return state != 'Z' && state != 'X';
  }

  std::string top_;
  Options options_;
  boost::asio::io_context context_;
  std::vector<core::ActionFinished> answers_;
  std::unique_ptr<ScriptRunner> runner_;
  std::uint64_t last_token_ = 0;
};

}  // namespace clusteragent::hooks
