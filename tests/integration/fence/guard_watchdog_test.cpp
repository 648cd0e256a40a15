// The guard's process with a watchdog of paper (fake_watchdog_guard.cpp): when it is fed, and what is written at the
// end.
#include <gmock/gmock.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/fence/guard_link.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::fence {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Fed four times in it.
constexpr seconds timeout{1};
constexpr milliseconds patience{5000};

class GuardWatchdogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/ca-watchdog-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    device_ = folder_ / "watchdog";
  }
  void TearDown() override {
    link_.reset();
    if (guard_ > 0 && !has_ended()) {
      ::kill(guard_, SIGCONT);
      ::kill(guard_, SIGKILL);
      ::waitpid(guard_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  void start() {
    GuardOptions options;
    options.executable = CLUSTERAGENT_FAKE_GUARD;
    options.watchdog_device = device_;
    options.watchdog_timeout = timeout;
    GuardCallbacks callbacks;
    callbacks.on_watchdog = [this](seconds granted, const std::string& text) {
      granted_ = granted;
      problem_ = text;
    };
    callbacks.on_vip_dropped = [this](const std::string&) { ++drops_; };
    auto spawned = GuardLink::spawn(io_, std::move(options), std::move(callbacks));
    ASSERT_TRUE(spawned) << spawned.error().message;
    link_ = std::move(*spawned);
    guard_ = link_->process();
    ASSERT_TRUE(run_until([this] { return granted_.has_value(); }));
  }
  template <typename Condition>
  bool run_until(Condition condition) {
    const Instant end = platform::boottime_now() + patience;
    while (!condition() && platform::boottime_now() < end) {
      io_.restart();
      io_.run_for(milliseconds{10});
    }
    return condition();
  }
  void run_for(Duration time) {
    io_.restart();
    io_.run_for(time);
  }

  std::string written() const {
    std::ifstream file{device_.string() + ".paper"};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::size_t feeds() const {
    const std::string text = written();
    std::size_t count = 0;
    for (std::size_t at = text.find(".\n"); at != std::string::npos; at = text.find(".\n", at + 1)) ++count;
    return count;
  }
  bool is_fed() {
    const std::size_t before = feeds();
    return run_until([&] { return feeds() >= before + 2; });
  }
  /// Longer than a pause between two feeds, and a late one more.
  bool is_starved() {
    run_for(milliseconds{600});
    const std::size_t before = feeds();
    run_for(milliseconds{1500});
    return feeds() == before;
  }

  void hold_until(Duration from_now) { link_->update({Epoch{1}, platform::boottime_now() + from_now, true, false}); }
  void plan_that_works() { link_->set_plan({}); }
  void plan_that_fails() {
    const nlmsghdr unknown{sizeof(nlmsghdr), 1000, NLM_F_REQUEST | NLM_F_ACK, 0, 0};
    std::vector<std::byte> message(sizeof unknown);
    std::memcpy(message.data(), &unknown, sizeof unknown);
    link_->set_plan({{NETLINK_ROUTE, std::move(message)}});
  }
  /// What its end means to the guard: nobody has said goodbye.
  void kill_agent() { link_.reset(); }
  bool has_ended() {
    return run_until([this] {
      ::waitpid(guard_, nullptr, WNOHANG);  // or its link has done so
      return ::kill(guard_, 0) != 0;
    });
  }

  boost::asio::io_context io_;
  std::filesystem::path folder_;
  std::filesystem::path device_;
  std::unique_ptr<GuardLink> link_;
  std::optional<seconds> granted_;
  std::string problem_;
  int drops_ = 0;
  pid_t guard_ = -1;
};

TEST_F(GuardWatchdogTest, is_fed_while_nothing_is_held_and_while_the_agent_renews) {
  start();
  EXPECT_EQ(granted_, timeout) << problem_;
  EXPECT_THAT(written(), StartsWith("timeout 1\n"));
  EXPECT_TRUE(is_fed());
  hold_until(seconds{60});
  EXPECT_TRUE(is_fed());
  EXPECT_EQ(drops_, 0);
}

TEST_F(GuardWatchdogTest, ends_with_the_magic_close_when_the_agent_stops_in_order) {
  start();
  hold_until(seconds{60});
  EXPECT_TRUE(is_fed());
  link_->say_goodbye();
  EXPECT_TRUE(has_ended());
  EXPECT_THAT(written(), EndsWith("V\nclosed\n"));
}

TEST_F(GuardWatchdogTest, is_not_fed_by_a_frozen_guard) {
  start();
  plan_that_works();
  hold_until(seconds{60});
  ASSERT_TRUE(is_fed());
  ::kill(guard_, SIGSTOP);
  EXPECT_TRUE(is_starved());
  EXPECT_THAT(written(), Not(HasSubstr("V")));
  ::kill(guard_, SIGCONT);
  EXPECT_TRUE(is_fed());
}

TEST_F(GuardWatchdogTest, is_fed_when_the_agent_stands_still_and_the_addresses_are_gone) {
  start();
  plan_that_works();
  hold_until(milliseconds{50});
  EXPECT_TRUE(run_until([this] { return drops_ == 1; }));
  EXPECT_TRUE(is_fed());
}

TEST_F(GuardWatchdogTest, is_not_fed_while_an_address_cannot_be_removed) {
  start();
  plan_that_fails();
  hold_until(milliseconds{50});
  EXPECT_TRUE(run_until([this] { return drops_ == 1; }));
  EXPECT_TRUE(is_starved());
  plan_that_works();  // tried again every second
  EXPECT_TRUE(is_fed());
}

TEST_F(GuardWatchdogTest, ends_with_the_magic_close_when_it_has_let_go_for_a_dead_agent) {
  start();
  plan_that_works();
  hold_until(seconds{60});
  ASSERT_TRUE(is_fed());
  kill_agent();
  EXPECT_TRUE(has_ended());
  EXPECT_THAT(written(), EndsWith("V\nclosed\n"));
}

TEST_F(GuardWatchdogTest, leaves_the_countdown_running_when_it_could_not_let_go_for_a_dead_agent) {
  start();
  plan_that_fails();
  hold_until(seconds{60});
  ASSERT_TRUE(is_fed());
  kill_agent();
  EXPECT_TRUE(has_ended());
  EXPECT_THAT(written(), EndsWith(".\n"));
}

TEST_F(GuardWatchdogTest, leaves_the_countdown_running_when_it_is_killed) {
  start();
  ASSERT_TRUE(is_fed());
  ::kill(guard_, SIGKILL);
  EXPECT_TRUE(has_ended());
  EXPECT_THAT(written(), EndsWith(".\n"));
}

TEST_F(GuardWatchdogTest, gives_back_a_device_whose_timeout_is_too_short) {
  std::ofstream{device_.string() + ".max"} << "0";
  start();
  EXPECT_EQ(granted_, seconds{0});
  EXPECT_THAT(problem_, HasSubstr("after 0 s at the latest, and 1 s are needed"));
  EXPECT_THAT(written(), EndsWith("V\nclosed\n"));
  EXPECT_EQ(feeds(), 0U);
}

TEST_F(GuardWatchdogTest, names_who_may_hold_a_busy_device) {
  std::ofstream{device_.string() + ".busy"} << "";
  start();
  EXPECT_EQ(granted_, seconds{0});
  EXPECT_THAT(problem_, HasSubstr("RuntimeWatchdogSec"));
  EXPECT_EQ(written(), "");
}

}  // namespace
}  // namespace clusteragent::fence
