// Binary logs go when nobody needs them any more, and at their limit when whoever needs them has been away for long.
#include "modules/mysql_replication/engine/plan/retention.hpp"

#include <gmock/gmock.h>

#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using testing::HasSubstr;
using Act = RetentionPlan::Act;

constexpr std::uint64_t megabyte = 1'000'000;

/// Logs of 100 MB each; number N begins behind transaction 10 * (N - 1).
class Retention : public testing::Test {
 protected:
  explicit Retention() { has("0-1-1000"); }

  void has(const std::string& position) { readers[0].has = gtids(position); }
  void leave(std::chrono::seconds ago) {
    readers[0].is_attached = false;
    readers[0].away_for = ago;
  }
  RetentionPlan plan(std::size_t files, std::uint64_t limit_mb) {
    std::vector<LogFile> logs;
    for (std::size_t number = 1; number <= files; ++number)
      logs.push_back({"log." + std::to_string(number), 100 * megabyte});
    return plan_retention(logs, limit_mb * megabyte, readers, [this](const LogFile& log) -> std::optional<Gtids> {
      ++asked;
      if (!is_readable) return std::nullopt;
      const auto number = std::stoul(log.name.substr(4));
      return number == 1 ? Gtids{} : gtids("0-1-" + std::to_string(10 * (number - 1)));
    });
  }

  std::vector<LogReader> readers{{"the standby", {}, true, {}}};
  bool is_readable = true;
  int asked = 0;
};

TEST_F(Retention, purges_nothing_unless_it_is_told_to) {
  EXPECT_EQ(Act::none, plan(50, 0).act);
  EXPECT_EQ(0, asked);
}

TEST_F(Retention, keeps_everything_below_the_mark) {
  EXPECT_EQ(Act::none, plan(7, 1000).act);
  EXPECT_EQ(0, asked) << "each question is a statement";
}

TEST_F(Retention, purges_as_little_as_brings_it_below_the_mark) {
  const RetentionPlan now = plan(10, 1000);
  EXPECT_EQ(Act::purge, now.act);
  EXPECT_EQ("log.4", now.first_kept) << "700 MB are below 80 % of 1000";
  EXPECT_EQ(3U, now.files);
  EXPECT_EQ(300 * megabyte, now.bytes);
  EXPECT_TRUE(now.held_for.empty() && now.cut_off.empty());
}

TEST_F(Retention, keeps_what_the_standby_has_not_applied_and_says_so) {
  has("0-1-25");
  RetentionPlan now = plan(10, 1000);
  EXPECT_EQ("log.3", now.first_kept);
  EXPECT_EQ("the log log.3 is still needed: the standby has 0-1-25", now.held_for) << "log.4 begins behind 30";
  has("0-1-9");
  now = plan(9, 1000);
  EXPECT_EQ(Act::none, now.act);
  EXPECT_EQ("the log log.1 is still needed: the standby has 0-1-9", now.held_for);
}

TEST_F(Retention, cuts_nobody_off_who_replicates_however_full_it_is) {
  has("0-1-5");
  readers[0].away_for = 24h;  // of no account while it is attached
  const RetentionPlan now = plan(20, 1000);
  EXPECT_EQ(Act::none, now.act);
  EXPECT_FALSE(now.held_for.empty());
}

TEST_F(Retention, waits_for_a_node_that_has_just_left) {
  has("0-1-5");
  leave(9min + 59s);
  const RetentionPlan now = plan(12, 1000);
  EXPECT_EQ(Act::none, now.act);
  EXPECT_THAT(now.held_for, HasSubstr("is away for 599 s"));
}

TEST_F(Retention, cuts_off_at_the_limit_who_has_been_away_for_long_and_no_sooner) {
  has("0-1-5");
  leave(10min);
  EXPECT_EQ(Act::none, plan(9, 1000).act) << "an alarm at 90 %";
  EXPECT_FALSE(plan(9, 1000).held_for.empty());
  const RetentionPlan now = plan(12, 1000);
  EXPECT_EQ(Act::purge, now.act);
  EXPECT_EQ("log.4", now.first_kept) << "no more than it must: 900 MB";
  EXPECT_THAT(now.cut_off, HasSubstr("the standby has 0-1-5"));
}

TEST_F(Retention, takes_a_node_that_was_never_seen_for_one_that_has_nothing) {
  readers[0].has.reset();
  leave(1min);
  EXPECT_THAT(plan(9, 1000).held_for, HasSubstr("was not seen yet"));
  leave(1h);
  EXPECT_EQ(Act::purge, plan(12, 1000).act);
}

TEST_F(Retention, asks_every_reader) {
  readers.push_back({"replica 10.0.0.7", gtids("0-1-15"), true, {}});
  RetentionPlan now = plan(10, 1000);
  EXPECT_EQ("log.2", now.first_kept);
  EXPECT_THAT(now.held_for, HasSubstr("log.2 is still needed: replica 10.0.0.7 has 0-1-15"));
  // One that is away does not speak for one that is there.
  leave(1h);
  has("0-1-5");
  now = plan(12, 1000);
  EXPECT_EQ("log.2", now.first_kept);
  readers.clear();
  EXPECT_EQ("log.4", plan(10, 1000).first_kept);
}

TEST_F(Retention, removes_a_bounded_number_at_once) {
  const RetentionPlan now = plan(60, 1000);
  EXPECT_EQ(16U, now.files);
  EXPECT_EQ("log.17", now.first_kept);
  EXPECT_EQ(16, asked);
}

TEST_F(Retention, purges_nothing_whose_content_is_not_known) {
  is_readable = false;
  EXPECT_EQ(Act::none, plan(10, 1000).act);
}

TEST_F(Retention, begins_a_new_log_where_the_only_one_is_too_large) {
  EXPECT_EQ(Act::rotate, plan(1, 120).act);
  EXPECT_EQ(Act::none, plan(1, 130).act);
  EXPECT_EQ(Act::none, plan(0, 130).act);
}

TEST_F(Retention, never_takes_the_log_that_is_being_written) {
  EXPECT_EQ("log.3", plan(3, 1).first_kept);
}

TEST(DiskProblem, is_told_before_the_disk_is_full) {
  EXPECT_EQ("", disk_problem({1'000'000 * megabyte, 2001 * megabyte}));
  EXPECT_THAT(disk_problem({1'000'000 * megabyte, 1999 * megabyte}), HasSubstr("has 1999 MB left of 1000000 MB"));
  EXPECT_EQ("", disk_problem({100 * megabyte, 11 * megabyte}));
  EXPECT_NE("", disk_problem({100 * megabyte, 9 * megabyte}));
  EXPECT_EQ("", disk_problem({})) << "not known";
}

}  // namespace
}  // namespace clusteragent::mysql
