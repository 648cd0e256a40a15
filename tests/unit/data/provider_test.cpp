// The agent's side of an engine: what an engine is told first, what the core is told of what it says, and, for how
// long, of one that dies. The engines are shell scripts: descriptor 3 carries a message a write.
#include "agent/data/provider.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::data {
namespace {

using std::chrono::milliseconds;

struct Told {
  int deaths = 0;
  int finished = 0;
  std::vector<Epoch> synced;
  std::vector<Epoch> behind;
  void operator()(const core::Event& event) {
    if (const auto* failed = std::get_if<core::ProcessFailed>(&event); failed != nullptr) {
      EXPECT_EQ(failed->process, "stub");
      EXPECT_EQ(failed->action, core::FailureAction::stopstart);
      deaths++;
    }
    if (const auto* each = std::get_if<core::ProviderSynced>(&event)) synced.push_back(each->epoch);
    if (const auto* each = std::get_if<core::ProviderBehind>(&event)) behind.push_back(each->epoch);
    finished += std::holds_alternative<core::ActionFinished>(event) ? 1 : 0;
  }
};

class Provider : public testing::Test {
 protected:
  void open(const std::string& executable, std::vector<std::string> arguments = {"stub"}) {
    EngineProgram program;
    program.executable = executable;
    program.arguments = std::move(arguments);
    program.name = "stub";
    program.component = "stub";
    program.configuration = {{"do", "configure"}, {"module", "m"}};
    program.progress_without = {{"state", "gone"}};
    auto opened = EngineProvider::open(io, std::move(program), [this](const core::Event& event) { told(event); });
    ASSERT_TRUE(opened);
    provider = std::move(*opened);
  }
  /// An engine that reads its configuration, says these messages and stays until it is left.
  void open_script(const std::string& messages, const std::string& kept = "/dev/null") {
    open("/bin/sh", {"sh", "-c",
                     "exec 2>/dev/null; dd bs=65536 count=1 <&3 >" + kept + "; dd bs=65536 count=1 <&3 >/dev/null; " +
                         messages + " exec dd bs=65536 count=1 <&3 >/dev/null"});
  }
  static std::string say(const std::string& json) { return "printf %s '" + json + "' >&3; "; }

  Told told;
  boost::asio::io_context io;
  std::unique_ptr<EngineProvider> provider;
};

TEST_F(Provider, says_again_that_its_engine_died_until_the_data_is_let_go_of) {
  open("/bin/false");
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{1500});
  EXPECT_GE(told.finished, 1);
  EXPECT_EQ(told.deaths, 2);
  provider->release({Token{2}});
  io.run_for(milliseconds{2500});
  EXPECT_EQ(told.deaths, 2);
}

TEST_F(Provider, says_nothing_of_an_engine_that_had_nothing_to_do) {
  open("/bin/false");
  io.run_for(milliseconds{1500});
  EXPECT_EQ(told.deaths, 0);
}

TEST_F(Provider, tells_the_engine_its_configuration_first) {
  const std::string kept = testing::TempDir() + "provider_test_" + std::to_string(::getpid());
  open_script("", kept);
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{500});
  std::ifstream file{kept};
  EXPECT_EQ(Json::parse(file), (Json{{"do", "configure"}, {"module", "m"}}));
  std::filesystem::remove(kept);
}

TEST_F(Provider, passes_on_of_which_epoch_the_engine_speaks) {
  open_script(say(R"({"is":"synced","epoch":4})") + say(R"({"is":"behind","epoch":4,"reason":"r"})") +
              say(R"({"is":"synced"})") + say(R"({"is":"finished","token":1,"ok":true,"detail":""})"));
  provider->lead({Token{1}, Epoch{7}, false});
  io.run_for(milliseconds{800});
  EXPECT_EQ(told.synced, (std::vector<Epoch>{Epoch{4}, Epoch{7}})) << "its own word, else that of its role";
  EXPECT_EQ(told.behind, (std::vector<Epoch>{Epoch{4}}));
  EXPECT_EQ(told.finished, 1);
  EXPECT_EQ(told.deaths, 0);
}

TEST_F(Provider, ends_an_engine_that_says_what_nobody_understands) {
  for (const char* nonsense : {"{\"is\":", R"({"says":1})", R"({"is":"finished"})", "[]"}) {
    told = {};
    open_script(say(nonsense));
    provider->follow({Token{1}, Epoch{2}, Epoch{}});
    io.run_for(milliseconds{400});
    EXPECT_EQ(told.deaths, 1) << nonsense;
    EXPECT_EQ(provider->progress(), (Json{{"state", "gone"}}));
  }
}

}  // namespace
}  // namespace clusteragent::data
