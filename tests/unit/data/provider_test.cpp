// The agent's side of an engine: what an engine is told first, what the core is told of what it says, and, for how
// long, of one that dies. The engines are scripts: descriptor 3 carries a message a write.
#include "agent/data/provider.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/data/succession.hpp"

namespace clusteragent::data {
namespace {

using std::chrono::milliseconds;

struct Told {
  int deaths = 0;
  int finished = 0;
  std::vector<Epoch> synced;
  std::vector<Epoch> behind;
  std::vector<core::ReplicaSeen> seen;
  void operator()(const core::Event& event) {
    if (const auto* failed = std::get_if<core::ProcessFailed>(&event); failed != nullptr) {
      EXPECT_EQ(failed->process, "stub");
      EXPECT_EQ(failed->action, core::FailureAction::stopstart);
      deaths++;
    }
    if (const auto* each = std::get_if<core::ProviderSynced>(&event)) synced.push_back(each->epoch);
    if (const auto* each = std::get_if<core::ProviderBehind>(&event)) behind.push_back(each->epoch);
    if (const auto* each = std::get_if<core::ReplicaSeen>(&event)) seen.push_back(*each);
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
    program.check_pause = check_pause;
    program.check_limit = milliseconds{300};
    program.order_limit = order_limit;
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
  milliseconds check_pause{};
  milliseconds order_limit{};
  boost::asio::io_context io;
  std::unique_ptr<EngineProvider> provider;
};

/// Answers nothing until the agent is gone.
constexpr const char* listens = "exec dd of=/dev/null bs=65536 <&3 2>/dev/null; ";
constexpr const char* reads = "dd bs=65536 count=1 <&3 >/dev/null 2>&1; ";

TEST_F(Provider, ends_an_engine_that_does_not_answer_whether_it_hangs) {
  check_pause = milliseconds{100};
  open_script(say(R"({"is":"finished","token":1,"ok":true,"detail":""})") + listens);
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{1200});
  EXPECT_EQ(told.deaths, 0) << "an agent that stood still hears what came meanwhile first";
  io.run_for(milliseconds{900});
  EXPECT_EQ(told.deaths, 1);
}

TEST_F(Provider, ends_an_engine_that_says_that_its_disk_hangs) {
  check_pause = milliseconds{100};
  open_script(say(R"({"is":"finished","token":1,"ok":true,"detail":""})") + reads +
              say(R"({"is":"finished","token":9223372036854775808,"ok":false,"detail":"it hangs"})") + listens);
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{900});
  EXPECT_EQ(told.deaths, 1);
}

TEST_F(Provider, leaves_an_engine_alone_that_answers) {
  check_pause = milliseconds{100};
  std::string answers = say(R"({"is":"finished","token":1,"ok":true,"detail":""})");
  for (const char* token : {"9223372036854775808", "9223372036854775809", "9223372036854775810"})
    answers += reads + say(fmt::format(R"({{"is":"finished","token":{},"ok":true,"detail":""}})", token));
  open_script(answers + listens);
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{1500});
  EXPECT_EQ(told.deaths, 0);
  io.run_for(milliseconds{1500});
  EXPECT_GE(told.deaths, 1) << "the fourth question";
}

TEST_F(Provider, gives_an_engine_time_for_what_it_was_told_to_do) {
  check_pause = milliseconds{100};
  open_script(listens);
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{2500});
  EXPECT_EQ(told.deaths, 0);
}

TEST_F(Provider, ends_an_engine_that_never_does_what_it_was_told_to_do) {
  check_pause = milliseconds{100};
  order_limit = milliseconds{500};
  open_script(listens);
  provider->release({Token{1}, false});
  io.run_for(milliseconds{1200});
  EXPECT_EQ(told.finished, 0) << "an agent that stood still hears what came meanwhile first";
  io.run_for(milliseconds{900});
  EXPECT_EQ(told.finished, 1);
}

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

TEST_F(Provider, passes_on_how_far_the_replica_is) {
  open_script(say(R"({"is":"replica","lag_ms":1500,"problem":""})") +
              say(R"({"is":"replica","problem":"not connected"})"));
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{800});
  ASSERT_EQ(told.seen.size(), 2U);
  EXPECT_EQ(told.seen[0].lag, milliseconds{1500});
  EXPECT_EQ(told.seen[0].problem, "");
  EXPECT_EQ(told.seen[1].lag, std::nullopt);
  EXPECT_EQ(told.seen[1].problem, "not connected");
}

TEST_F(Provider, hears_the_last_words_of_an_engine_that_died_with_something_unread) {
  open("/bin/sh", {"sh", "-c", "dd bs=65536 count=1 <&3 >/dev/null 2>&1; " + say(R"({"is":"synced","epoch":4})")});
  provider->lead({Token{1}, Epoch{4}, false});
  // An agent that had other work meanwhile: the word and the end stand there at once.
  std::this_thread::sleep_for(milliseconds{500});
  for (int turns = 0; told.deaths == 0 && turns < 1000; ++turns) io.run_one_for(milliseconds{10});
  EXPECT_EQ(told.synced, (std::vector<Epoch>{Epoch{4}}));
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

/// An engine that leads, hands over the writing end of a pipe, and dies; and the next one, which is as `next` says.
class Successor : public Provider {
 protected:
  void SetUp() override {
    path = testing::TempDir() + "provider_test_pipe_" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    pipe = platform::Fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  }
  void TearDown() override { std::filesystem::remove(path); }
  void lead(const std::string& next) {
    const std::string first = R"(
import json, os, socket, time
agent = socket.socket(fileno=3)
def hear():
    text, descriptors, _, _ = socket.recv_fds(agent, 65536, 4)
    if not text:
        raise SystemExit
    return json.loads(text), descriptors
def say(descriptors=(), **message):
    socket.send_fds(agent, [json.dumps(message).encode()], descriptors)
if not hear()[0].get("takes_over"):
    token = hear()[0]["token"]
    say([os.open(")" + path + R"(", os.O_WRONLY)], **{"is": "keep", "key": "volume 0", "about": {"source": "s"}})
    say(**{"is": "finished", "token": token, "ok": True, "detail": ""})
    time.sleep(0.2)
    os.kill(os.getpid(), 9)
held, descriptors = hear()
wanted = hear()[0]
is_right = held["key"] == "volume 0" and held["about"] == {"source": "s"} and len(descriptors) == 1
is_right = is_right and wanted["do"] == "take_over" and wanted["epoch"] == 7
)";
    open("/usr/bin/env", {"env", "python3", "-c", first + next});
    provider->lead({Token{1}, Epoch{7}, false});
    EXPECT_TRUE(run_until([this] { return told.finished == 1; }));
  }
  bool run_until(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 1000 && !condition(); ++turn) io.run_for(milliseconds{10});
    return condition();
  }
  /// The agent, or an engine, has the other end.
  bool is_kept() const {
    char byte = 0;
    return ::read(pipe.number(), &byte, 1) < 0 && errno == EAGAIN;
  }
  static constexpr const char* answers = R"(
say(**{"is": "progress", "status": {"solo": wanted["solo"]}})
say(**{"is": "finished", "token": wanted["token"], "ok": is_right, "detail": "not what was expected"})
hear()
)";
  std::string path;
  platform::Fd pipe;
};

TEST_F(Successor, takes_the_place_of_an_engine_that_dies_once_and_not_twice_in_a_minute) {
  lead(answers);
  EXPECT_TRUE(run_until([this] { return provider->progress().contains("taken_over"); }));
  EXPECT_EQ(told.deaths, 0);
  EXPECT_TRUE(is_kept());
  const Json progress = provider->progress();
  EXPECT_EQ(progress.value("solo", true), false);
  ASSERT_TRUE(progress.contains("taken_over"));
  EXPECT_EQ(progress.at("taken_over").at("count"), 1);
  EXPECT_EQ(progress.at("taken_over").at("signal"), SIGKILL);
  ::kill(provider->process(), SIGKILL);
  EXPECT_TRUE(run_until([this] { return told.deaths == 1 && !is_kept(); }));
}

TEST_F(Successor, may_acknowledge_alone_what_the_former_one_might) {
  lead(answers);
  provider->allow_solo({Epoch{7}});
  EXPECT_TRUE(run_until([this] { return provider->progress().contains("taken_over"); }));
  EXPECT_EQ(provider->progress().value("solo", false), true);
}

TEST_F(Successor, that_refuses_or_dies_lets_the_module_start_again) {
  for (const char* next : {"is_right = False\n[os.close(each) for each in descriptors]\n", "raise SystemExit\n"}) {
    told = {};
    lead(std::string{next} + answers);
    EXPECT_TRUE(run_until([this] { return told.deaths == 1 && !is_kept(); })) << next;
    provider.reset();
  }
}

TEST_F(Successor, that_does_not_answer_keeps_nobody_waiting) {
  lead("hear()\n");
  const int first = provider->process();
  EXPECT_TRUE(run_until([&] { return provider->process() != first; }));
  io.run_for(take_over_limit - milliseconds{1000});
  EXPECT_EQ(told.deaths, 0);
  EXPECT_TRUE(is_kept());
  EXPECT_TRUE(run_until([this] { return told.deaths == 1 && !is_kept(); }));
}

TEST_F(Successor, is_not_called_when_the_role_was_given_up) {
  lead(answers);
  provider->give_up();
  EXPECT_TRUE(run_until([this] { return told.deaths == 1 && !is_kept(); }));
}

}  // namespace
}  // namespace clusteragent::data
