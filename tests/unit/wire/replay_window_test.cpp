#include "agent/wire/replay_window.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

TEST(ReplayWindow, takes_every_number_once_in_any_order) {
  ReplayWindow window{0};
  for (const std::uint64_t sequence : {5U, 3U, 4U, 1U, 2U, 6U}) EXPECT_TRUE(window.accept(sequence)) << sequence;
  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) EXPECT_FALSE(window.accept(sequence)) << sequence;
}

TEST(ReplayWindow, refuses_what_is_older_than_itself) {
  ReplayWindow window{0};
  EXPECT_TRUE(window.accept(100));
  EXPECT_TRUE(window.accept(100 - ReplayWindow::width + 1));
  EXPECT_FALSE(window.accept(100 - ReplayWindow::width));
}

TEST(ReplayWindow, forgets_nothing_when_it_moves_by_its_whole_width) {
  ReplayWindow window{0};
  EXPECT_TRUE(window.accept(1));
  EXPECT_TRUE(window.accept(1 + ReplayWindow::width));
  EXPECT_FALSE(window.accept(1));
  EXPECT_TRUE(window.accept(2));
  EXPECT_FALSE(window.accept(1 + ReplayWindow::width));
}

TEST(ReplayWindow, bears_a_jump_to_the_largest_number) {
  ReplayWindow window{0};
  EXPECT_TRUE(window.accept(~std::uint64_t{0}));
  EXPECT_FALSE(window.accept(1));
  EXPECT_FALSE(window.accept(~std::uint64_t{0}));
}

TEST(ReplayWindow, takes_nothing_from_before_it_was_opened) {
  ReplayWindow window{50};
  for (std::uint64_t sequence = 0; sequence <= 50; ++sequence) EXPECT_FALSE(window.accept(sequence)) << sequence;
  EXPECT_TRUE(window.accept(52));
  EXPECT_TRUE(window.accept(51));
  EXPECT_FALSE(window.accept(50));
}

}  // namespace
}  // namespace clusteragent::wire
