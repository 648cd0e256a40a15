// Goal: moves that nobody needs become rare, and what is needed is never late. Method: the class by itself, then two
// cores whose checked link flaps.
#include <gmock/gmock.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::CorePair;
using testing::HasSubstr;
using testing::Not;

const Instant begin = Instant::from_nanoseconds(1'000'000'000);
constexpr HoldDownLimits limits{seconds{10}, seconds{80}, minutes{10}};

TEST(HoldDown, lets_a_failover_and_the_way_back_pass) {
  HoldDown hold{limits};
  for (std::size_t change = 0; change < HoldDown::changes_free; ++change) hold.role_changed(begin);
  EXPECT_FALSE(hold.is_held(begin));
  EXPECT_EQ(hold.changes(begin), HoldDown::changes_free);
}

TEST(HoldDown, doubles_up_to_its_bound) {
  HoldDown hold{limits};
  for (std::size_t change = 0; change < HoldDown::changes_free; ++change) hold.role_changed(begin);
  for (const int expected_s : {10, 20, 40, 80, 80, 80}) {
    hold.role_changed(begin);
    EXPECT_EQ(hold.until(begin), begin + seconds{expected_s});
  }
  for (std::size_t change = 0; change < 2 * HoldDown::changes_max; ++change) hold.role_changed(begin);
  EXPECT_EQ(hold.until(begin), begin + seconds{80});
  EXPECT_EQ(hold.changes(begin), HoldDown::changes_max);
}

TEST(HoldDown, ends_with_its_time) {
  HoldDown hold{limits};
  for (std::size_t change = 0; change <= HoldDown::changes_free; ++change) hold.role_changed(begin);
  EXPECT_TRUE(hold.is_held(begin + milliseconds{9999}));
  EXPECT_FALSE(hold.is_held(begin + seconds{10}));
  EXPECT_EQ(hold.until(begin + seconds{10}), std::nullopt);
}

TEST(HoldDown, forgets_what_has_left_the_window) {
  HoldDown hold{limits};
  for (std::size_t change = 0; change < 5; ++change) hold.role_changed(begin);
  EXPECT_EQ(hold.changes(begin + minutes{10}), 0U);
  hold.role_changed(begin + minutes{10});
  EXPECT_FALSE(hold.is_held(begin + minutes{10}));
}

/// Node 0 is the one of defaultprim, and its interface is checked.
struct Flapping : testing::Test {
  void flap() {
    pair.tell(0, LinkChanged{"eth0", false});
    pair.run_for(seconds{2});
    pair.tell(0, LinkChanged{"eth0", true});
    pair.run_for(seconds{4});
  }
  CorePair pair{[](Policy& policy) {
    policy.default_primary = NodeId{0};
    policy.checked_interfaces = {"eth0"};
  }};
};

TEST_F(Flapping, ends_with_the_service_staying_where_it_is) {
  pair.start_both();
  flap();
  ASSERT_EQ(pair.state(0), "PRIM Ready") << "a single failure is followed by the way back";
  for (int more = 0; more < 4; ++more) flap();
  EXPECT_EQ(pair.state(1), "PRIM Ready");
  ASSERT_TRUE(pair.view(1).held_until);
  EXPECT_GT(pair.view(1).role_changes, HoldDown::changes_free);
  EXPECT_THAT(pair.notes(1), HasSubstr("no voluntary move for 10 s"));
  pair.run_for(seconds{60});
  EXPECT_EQ(pair.state(0), "PRIM Ready") << "once it is quiet, the preference counts again";
  EXPECT_THAT(pair.notes(1), HasSubstr("no longer held"));
}

TEST_F(Flapping, never_delays_a_take_over_from_a_dead_node) {
  pair.start_both();
  for (int flaps = 0; flaps < 5; ++flaps) flap();
  ASSERT_EQ(pair.state(1), "PRIM Ready");
  ASSERT_TRUE(pair.view(1).held_until);
  pair.operate(1, Verb::swap);
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.state(0), "PRIM Ready") << "an operator is not held";
  pair.is_up[0] = false;
  pair.run_for(milliseconds{1200});
  EXPECT_EQ(pair.state(1), "ALONE Ready");
}

TEST_F(Flapping, never_delays_a_take_over_from_a_node_without_a_link) {
  pair.start_both();
  for (int flaps = 0; flaps < 5; ++flaps) flap();
  pair.operate(1, Verb::swap);
  pair.run_for(seconds{2});
  ASSERT_EQ(pair.state(0), "PRIM Ready");
  pair.tell(0, LinkChanged{"eth0", false});
  pair.run_for(milliseconds{1000});
  EXPECT_EQ(pair.state(1), "PRIM Ready");
}

TEST(HoldDownOfOperators, does_not_count_what_was_asked_for) {
  CorePair pair;
  pair.start_both();
  for (int swaps = 0; swaps < 6; ++swaps) {
    pair.operate(pair.state(0) == "PRIM Ready" ? 0 : 1, Verb::swap);
    pair.run_for(seconds{3});
  }
  EXPECT_FALSE(pair.view(0).held_until || pair.view(1).held_until);
  EXPECT_LE(pair.view(0).role_changes + pair.view(1).role_changes, 1U);
  EXPECT_THAT(pair.notes(0), Not(HasSubstr("held:")));
}

}  // namespace
}  // namespace clusteragent::core
