#include "agent/data/filesync/engine/placement.hpp"

#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlacementTest : public ::testing::Test {
 protected:
  /// One second in which the threads ran for that part of it, and the processors were idle for these.
  std::optional<std::size_t> look(milliseconds ran, std::vector<std::uint64_t> idle_percent = {}) {
    idle_percent.resize(processors_.size(), 20);
    for (std::size_t at = 0; at < processors_.size(); ++at) {
      processors_[at].idle += idle_percent[at];
      processors_[at].all += 100;
    }
    now_ = now_ + seconds{1};
    return placement_.decide({.elapsed = seconds{1}, .ran = ran, .waited = waited_}, processors_, now_);
  }
  void count(std::vector<std::uint64_t> more) {
    counts_.resize(more.size());
    for (std::size_t at = 0; at < more.size(); ++at) counts_[at] += more[at];
    now_ = now_ + Placement::count_pause;
    ASSERT_TRUE(placement_.wants_interrupts(now_));
    placement_.saw_interrupts(counts_, now_);
    ASSERT_FALSE(placement_.wants_interrupts(now_));
  }

  Placement placement_{{0, 1, 2, 5}};
  Instant now_;
  milliseconds waited_{800};
  std::vector<ProcessorTime> processors_ = std::vector<ProcessorTime>(6);
  std::vector<std::uint64_t> counts_;
};

TEST_F(PlacementTest, keeps_threads_together_that_need_little) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  EXPECT_EQ(look(milliseconds{700}), 5) << "between the bounds nothing changes";
}

TEST_F(PlacementTest, lets_them_apart_where_one_processor_is_not_enough) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  EXPECT_EQ(look(milliseconds{900}), std::nullopt);
  EXPECT_EQ(look(milliseconds{700}), std::nullopt) << "between the bounds nothing changes";
  EXPECT_EQ(look(milliseconds{400}), 5);
}

TEST_F(PlacementTest, lets_them_apart_where_somebody_else_has_the_processor) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  EXPECT_EQ(look(milliseconds{300}, {90, 90, 90, 90, 90, 0}), std::nullopt);
  const Instant apart_since = now_;
  EXPECT_EQ(look(milliseconds{300}), std::nullopt) << "it would be so again";
  now_ = apart_since + Placement::apart_for;
  EXPECT_EQ(look(milliseconds{300}), 5);
}

TEST_F(PlacementTest, stays_where_all_processors_are_busy) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  EXPECT_EQ(look(milliseconds{300}, {10, 10, 10, 90, 90, 0}), 5) << "those that it may not use do not count";
}

TEST_F(PlacementTest, stays_where_the_processor_has_room) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  EXPECT_EQ(look(milliseconds{300}, {90, 90, 90, 90, 90, 30}), 5);
}

TEST_F(PlacementTest, stays_where_its_threads_do_not_wait) {
  waited_ = milliseconds{100};
  EXPECT_EQ(look(milliseconds{20}), 5);
  EXPECT_EQ(look(milliseconds{20}, {90, 90, 90, 90, 90, 0}), 5) << "whoever has the rest of it can be moved away";
}

TEST_F(PlacementTest, does_not_count_what_the_processors_did_while_there_was_no_work) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  now_ = now_ + seconds{10};
  EXPECT_EQ(look(milliseconds{300}, {90, 90, 90, 90, 90, 0}), 5);
  EXPECT_EQ(look(milliseconds{300}, {90, 90, 90, 90, 90, 0}), std::nullopt);
}

TEST_F(PlacementTest, stays_where_the_processors_are_not_known) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  processors_.clear();
  EXPECT_EQ(look(milliseconds{300}), 5);
}

TEST_F(PlacementTest, takes_the_processor_that_most_interrupts_come_to) {
  count({50'000, 0, 90'000, 0, 0, 10'000});
  EXPECT_EQ(look(milliseconds{300}), 2);
}

TEST_F(PlacementTest, takes_none_that_it_may_not_use) {
  count({50'000, 0, 0, 90'000, 0, 10'000});
  EXPECT_EQ(look(milliseconds{300}), 0);
}

TEST_F(PlacementTest, follows_interrupts_that_were_moved_for_good) {
  count({90'000, 0, 0, 0, 0, 0});
  EXPECT_EQ(look(milliseconds{300}), 0);
  count({40'000, 60'000, 0, 0, 0, 0});
  EXPECT_EQ(look(milliseconds{300}), 0) << "half as many more are no reason";
  count({0, 90'000, 0, 0, 0, 0});
  EXPECT_EQ(look(milliseconds{300}), 1);
}

TEST_F(PlacementTest, does_not_follow_a_few_interrupts) {
  EXPECT_EQ(look(milliseconds{300}), 5);
  count({0, 999, 0, 0, 0, 0});
  EXPECT_EQ(look(milliseconds{300}), 5);
}

TEST_F(PlacementTest, does_nothing_on_one_processor) {
  placement_ = Placement{{3}};
  EXPECT_EQ(look(milliseconds{300}), std::nullopt);
  EXPECT_FALSE(placement_.wants_interrupts(now_));
}

TEST(DeviceInterrupts, counts_those_of_devices_by_processor) {
  EXPECT_EQ(device_interrupts("           CPU0       CPU2       \n"
                              " 24:          1          7  IO-APIC   5-edge      ACPI:Ged\n"
                              " 36:         20        300  PCI-MSIX-0000:00:02.0   1-edge      disk\n"
                              "LOC:      99999      99999  Local timer interrupts\n"
                              "ERR:          5\n"),
            (std::vector<std::uint64_t>{21, 0, 307}));
}

TEST(DeviceInterrupts, makes_nothing_of_another_text) {
  EXPECT_TRUE(device_interrupts("").empty());
  EXPECT_TRUE(device_interrupts("something else\n 1: 2 3\n").empty());
  EXPECT_EQ(device_interrupts("CPU0 CPU1\n 1: 2"), (std::vector<std::uint64_t>{2, 0}));
}

TEST(ProcessorTimes, has_the_idle_part_of_each) {
  const auto times = processor_times(
      "cpu  30 2 3 40 5 0 1 0 0 0\n"
      "cpu0 10 1 1 20 2 0 1 0 0 0\n"
      "cpu2 20 1 2 20 3 0 0 4 9 9\n"
      "intr 99 1 2 3\n");
  ASSERT_EQ(times.size(), 3U);
  EXPECT_EQ(times[0].idle, 22U);
  EXPECT_EQ(times[0].all, 35U);
  EXPECT_EQ(times[1].all, 0U);
  EXPECT_EQ(times[2].idle, 23U);
  EXPECT_EQ(times[2].all, 50U) << "the last two are in the first two";
}

TEST(ProcessorTimes, makes_nothing_of_another_text) {
  EXPECT_TRUE(processor_times("").empty());
  EXPECT_TRUE(processor_times("cpux 1 2\ncpu99999999 3\n").empty());
}

}  // namespace
}  // namespace clusteragent::filesync
