// The simulator's own parts: what they promise to the rest is what makes a seed worth printing.
#include <gtest/gtest.h>

#include <vector>

#include "tests/simulation/clock_model.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/prng.hpp"
#include "tests/simulation/runner.hpp"

namespace clusteragent::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Prng, child_streams_do_not_depend_on_draws_of_the_parent) {
  Prng parent{42};
  const std::uint64_t before = parent.child("disk").next();
  parent.next();
  EXPECT_EQ(parent.child("disk").next(), before);
  EXPECT_NE(parent.child("disk").next(), parent.child("link").next());
}

TEST(Prng, sequence_of_a_seed_never_changes) {
  Prng prng{1};
  EXPECT_EQ(prng.next(), 0x910a2dec89025cc1ULL);
  EXPECT_EQ(prng.next(), 0xbeeb8da1658eec67ULL);
}

TEST(EventQueue, order_of_planning_breaks_ties) {
  EventQueue queue;
  std::vector<int> order;
  queue.at(seconds{2}, [&] { order.push_back(3); });
  queue.at(seconds{1}, [&] { order.push_back(1); });
  queue.at(seconds{1}, [&] { order.push_back(2); });
  while (!queue.is_empty()) {
    queue.run_next();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(queue.now(), TrueTime{seconds{2}});
}

TEST(ClockModel, alarm_never_rings_early) {
  for (const std::int32_t rate : {-10'000, -1, 0, 1, 10'000}) {
    const ClockModel clock{Instant::from_nanoseconds(12'345), rate, TrueTime{7}};
    for (std::int64_t ahead = 1; ahead < 2'000'000'000; ahead = ahead * 7 + 3) {
      const Instant reading = Instant::from_nanoseconds(12'345 + ahead);
      const TrueTime when = clock.true_at(reading);
      EXPECT_GE(clock.local(when), reading);
      EXPECT_LT(clock.local(when - Duration{2}), reading);
    }
  }
}

TEST(ClockModel, stands_still_while_stopped) {
  ClockModel clock{Instant::from_nanoseconds(0), 0, TrueTime{0}};
  clock.stop(seconds{1});
  EXPECT_EQ(clock.local(seconds{5}), Instant::from_nanoseconds(1'000'000'000));
  clock.go_on(seconds{5});
  EXPECT_EQ(clock.local(seconds{6}), Instant::from_nanoseconds(2'000'000'000));
}

core::DurableState with_epoch(std::uint64_t epoch) {
  core::DurableState state;
  state.record.epoch = Epoch{epoch};
  return state;
}

TEST(Disk, unfinished_write_of_a_dead_writer_leaves_the_old_content) {
  EventQueue queue;
  Disk disk{queue, Prng{1}, {milliseconds{2}, milliseconds{2}}};
  bool is_told = false;
  disk.write(with_epoch(4), [&](core::Outcome) { is_told = true; });
  disk.forget_unfinished();
  while (!queue.is_empty()) {
    queue.run_next();
  }
  EXPECT_FALSE(is_told);
  EXPECT_EQ(disk.durable().record.epoch, Epoch{0});
}

TEST(Disk, tells_only_after_the_content_is_durable) {
  EventQueue queue;
  Disk disk{queue, Prng{1}, {milliseconds{2}, milliseconds{2}}};
  disk.hang_until(seconds{5});
  Epoch seen{};
  disk.write(with_epoch(4), [&](core::Outcome outcome) {
    EXPECT_EQ(outcome, core::Outcome::success);
    seen = disk.durable().record.epoch;
  });
  while (!queue.is_empty()) {
    queue.run_next();
  }
  EXPECT_EQ(seen, Epoch{4});
  EXPECT_GE(queue.now(), TrueTime{seconds{5}});
}

TEST(Runner, hash_does_not_depend_on_whether_somebody_reads_the_trace) {
  RunOptions options;
  options.seed = 7;
  const RunResult quiet = run_seed(options);
  options.trace = TraceMode::ring;
  EXPECT_EQ(run_seed(options).hash, quiet.hash);
  options.seed = 8;
  EXPECT_NE(run_seed(options).hash, quiet.hash);
}

}  // namespace
}  // namespace clusteragent::simulation
