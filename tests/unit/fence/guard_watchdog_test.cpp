#include "agent/fence/guard_watchdog.hpp"

#include <gtest/gtest.h>
#include <linux/watchdog.h>

#include <array>
#include <cerrno>
#include <string>

#include "agent/fence/watchdog.hpp"

namespace clusteragent::fence {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t second_ns = 1'000'000'000;

/// The driver, as the calls see it.
struct Driver {
  int open_error = 0;
  bool can_set = true;
  bool can_tell = true;
  bool takes_food = true;
  int timeout = 60;
  int timeout_max = 1000;
  std::string written;
  bool is_open = false;
} driver;

int fail(int code) {
  errno = code;
  return -1;
}

constexpr WatchdogCalls calls{[](const char*) {
                                if (driver.open_error != 0) return fail(driver.open_error);
                                driver.is_open = true;
                                return 5;
                              },
                              [](int, unsigned long request, void* answer) {
                                auto& number = *static_cast<int*>(answer);
                                if (request == WDIOC_SETTIMEOUT) {
                                  if (!driver.can_set) return fail(EOPNOTSUPP);
                                  driver.timeout = std::min(number, driver.timeout_max);
                                  return 0;
                                }
                                if (request != WDIOC_GETTIMEOUT || !driver.can_tell) return fail(ENOTTY);
                                number = driver.timeout;
                                return 0;
                              },
                              [](int, char what) {
                                if (!driver.takes_food) {
                                  errno = EIO;
                                  return false;
                                }
                                driver.written += what;
                                return true;
                              },
                              [](int) { driver.is_open = false; }};

class GuardWatchdogUnit : public testing::Test {
 protected:
  void SetUp() override { driver = {}; }
  int open(int wanted) { return watchdog.open("/dev/watchdog", wanted, why()); }
  bool feed(std::int64_t now, bool may_live) { return watchdog.feed(now, may_live, why()); }
  bool says(const char* what) const { return std::string{text.data()}.find(what) != std::string::npos; }
  WatchdogText why() { return {text.data(), text.size()}; }

  GuardWatchdog watchdog{calls};
  std::array<char, 240> text{};
};

TEST_F(GuardWatchdogUnit, tells_the_timeout_that_the_driver_has_made_of_it) {
  EXPECT_EQ(open(15), 15);
  EXPECT_EQ(driver.timeout, 15);
  EXPECT_EQ(watchdog.next_feed(), 0) << "at once";
}

TEST_F(GuardWatchdogUnit, takes_a_fixed_timeout_that_is_long_enough) {
  driver.can_set = false;
  EXPECT_EQ(open(15), 60);
}

TEST_F(GuardWatchdogUnit, refuses_a_timeout_that_is_too_short_and_gives_the_device_back) {
  driver.timeout_max = 14;
  EXPECT_EQ(open(15), 0);
  EXPECT_TRUE(says("after 14 s at the latest, and 15 s are needed")) << text.data();
  EXPECT_EQ(driver.written, "V");
  EXPECT_FALSE(driver.is_open);
  EXPECT_FALSE(watchdog.is_open());
  EXPECT_EQ(watchdog.next_feed(), INT64_MAX);
}

TEST_F(GuardWatchdogUnit, refuses_what_is_no_watchdog) {
  driver.can_set = driver.can_tell = false;
  EXPECT_EQ(open(15), 0);
  EXPECT_TRUE(says("does not tell its timeout")) << text.data();
  EXPECT_FALSE(driver.is_open);
}

TEST_F(GuardWatchdogUnit, names_who_may_have_a_busy_device) {
  driver.open_error = EBUSY;
  EXPECT_EQ(open(15), 0);
  EXPECT_TRUE(says("RuntimeWatchdogSec")) << text.data();
  driver.open_error = ENOENT;
  EXPECT_EQ(open(15), 0);
  EXPECT_FALSE(says("RuntimeWatchdogSec")) << text.data();
  watchdog.stop();
  EXPECT_EQ(driver.written, "");
}

TEST_F(GuardWatchdogUnit, is_fed_four_times_a_timeout_and_only_while_the_work_is_done) {
  ASSERT_EQ(open(20), 20);
  EXPECT_TRUE(feed(100, true));
  EXPECT_EQ(driver.written.size(), 1U);
  EXPECT_NE(driver.written, "V");
  EXPECT_EQ(watchdog.next_feed(), 100 + 5 * second_ns);
  EXPECT_TRUE(feed(200, false));
  EXPECT_EQ(driver.written.size(), 1U);
  EXPECT_EQ(watchdog.next_feed(), 200 + second_ns) << "soon, so that it lives on when the work is done after all";
}

TEST_F(GuardWatchdogUnit, says_once_that_it_cannot_be_fed) {
  ASSERT_EQ(open(20), 20);
  driver.takes_food = false;
  EXPECT_FALSE(feed(0, true));
  EXPECT_TRUE(says("the machine will be reset")) << text.data();
  EXPECT_TRUE(feed(1, true));
}

TEST_F(GuardWatchdogUnit, stops_with_the_magic_close) {
  ASSERT_EQ(open(20), 20);
  watchdog.stop();
  EXPECT_EQ(driver.written, "V");
  EXPECT_FALSE(driver.is_open);
}

TEST(GuardDuty, is_done_when_nothing_answers_that_may_not) {
  EXPECT_TRUE(is_done({false, false, 5}, 9)) << "nothing is held";
  EXPECT_TRUE(is_done({true, false, 10}, 9)) << "the agent renews, or may still come back";
  EXPECT_FALSE(is_done({true, false, 9}, 9));
  EXPECT_TRUE(is_done({true, true, 9}, 9)) << "everything is removed";
}

TEST(WatchdogTimeout, is_longer_than_the_guards_patience) {
  EXPECT_EQ(watchdog_timeout(milliseconds{50}), seconds{15});
  EXPECT_EQ(watchdog_timeout(milliseconds{5001}), seconds{16});
  EXPECT_EQ(watchdog_timeout(seconds{30}), seconds{40});
}

TEST(WatchdogDevice, must_be_a_character_device_of_this_machine) {
  EXPECT_TRUE(check_watchdog("/dev/null"));
  const Status missing = check_watchdog("/dev/no-watchdog-here");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::configuration);
  EXPECT_NE(missing.error().message.find("there is no such device"), std::string::npos);
  const Status folder = check_watchdog("/tmp");
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("no character device"), std::string::npos);
}

}  // namespace
}  // namespace clusteragent::fence
