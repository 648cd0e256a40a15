// Goal: the readers' address is where it should be, and one node at most has it. Method: the decision by itself, over
// every combination of its facts; then two cores.
#include "agent/core/reader.hpp"

#include <gmock/gmock.h>

#include "tests/support/core_pair.hpp"

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::CorePair;
using testing::HasSubstr;

/// What node `self` knows, from one number; the roles exclude each other.
ReaderFacts facts_from(unsigned bits) {
  const auto next = [&bits] {
    const bool is_set = (bits & 1U) != 0;
    bits >>= 1U;
    return is_set;
  };
  ReaderFacts facts;
  facts.has_lease = next();
  facts.holds = next();
  facts.peer_holds = next();
  facts.peer_serves = next();
  facts.peer_cannot_hold = next();
  facts.is_fit = next();
  facts.is_granted = next();
  const unsigned role = bits & 7U;
  facts.leads = role == 1;
  facts.takes_over = role == 2;
  facts.follows = role == 3;
  facts.leaves = role == 4;
  return facts;
}
constexpr unsigned combinations = 1U << 10U;

TEST(ReaderDecision, never_grants_what_it_has_or_wants) {
  for (unsigned bits = 0; bits < combinations; ++bits) {
    const ReaderFacts facts = facts_from(bits);
    if (!grants_reader(facts)) continue;
    EXPECT_FALSE(facts.holds) << bits;
    EXPECT_FALSE(wants_reader(facts)) << bits;
    EXPECT_TRUE((facts.leads || facts.leaves) && facts.peer_serves) << bits;
  }
}

TEST(ReaderDecision, wants_nothing_without_a_lease_or_a_role) {
  for (unsigned bits = 0; bits < combinations; ++bits) {
    const ReaderFacts facts = facts_from(bits);
    const bool has_role = facts.leads || facts.takes_over || facts.follows;
    if (!facts.has_lease || !has_role) {
      EXPECT_FALSE(wants_reader(facts)) << bits;
    }
  }
}

TEST(ReaderDecision, takes_nothing_that_the_other_node_may_have) {
  for (unsigned bits = 0; bits < combinations; ++bits) {
    const ReaderFacts facts = facts_from(bits);
    if (facts.holds || !wants_reader(facts)) continue;
    if (facts.leads) {
      EXPECT_TRUE(facts.peer_cannot_hold && !facts.peer_serves) << bits;
    } else {
      EXPECT_TRUE(facts.follows && facts.is_granted && !facts.peer_holds && facts.is_fit) << bits;
    }
  }
}

TEST(ReaderDecision, keeps_it_on_the_way_to_the_primary_role_and_takes_none_there) {
  ReaderFacts facts;
  facts.takes_over = facts.has_lease = facts.is_fit = facts.is_granted = facts.peer_cannot_hold = true;
  EXPECT_FALSE(wants_reader(facts));
  facts.holds = true;
  EXPECT_TRUE(wants_reader(facts));
}

void with_readers(Policy& policy) {
  policy.reader.is_configured = policy.reader.needs_replica = true;
  policy.reader.lag_max = seconds{4};
  policy.reader.settle = seconds{2};
}

class Readers : public testing::Test {
 protected:
  /// As the provider does: every half second.
  void run(Duration duration, std::optional<Duration> lag, const std::string& problem = {}, int node = 1) {
    for (Duration done{}; done < duration; done += milliseconds{500}) {
      pair_.tell(node, ReplicaSeen{lag, problem});
      pair_.run_for(milliseconds{500});
    }
  }
  std::string holder() const {
    const auto& has = pair_.kernel_has_reader;
    return has[0] && has[1] ? "both" : has[0] ? "primary" : has[1] ? "secondary" : "nobody";
  }

  CorePair pair_{with_readers};
};

TEST_F(Readers, are_served_by_the_secondary_once_it_was_fresh_for_a_while) {
  pair_.start_both();
  run(seconds{1}, Duration{0});
  EXPECT_EQ(holder(), "primary");
  EXPECT_THAT(pair_.view(0).reader.why, HasSubstr("says that it is not fit"));
  EXPECT_THAT(pair_.view(1).reader.why, HasSubstr("once it has been fresh for 2.0 s"));
  run(seconds{3}, Duration{0});
  EXPECT_EQ(holder(), "secondary");
  EXPECT_TRUE(pair_.view(1).reader.holds);
  EXPECT_FALSE(pair_.view(0).reader.holds);
}

TEST_F(Readers, leave_a_secondary_that_is_too_far_behind_and_come_back_at_half_of_the_limit) {
  pair_.start_both();
  run(seconds{4}, Duration{0});
  run(seconds{5}, seconds{4});
  EXPECT_EQ(holder(), "secondary") << "at the limit";
  run(seconds{1}, milliseconds{4100});
  EXPECT_EQ(holder(), "primary");
  EXPECT_THAT(pair_.notes(1), HasSubstr("its lag of 4.1 s is above 4.0 s"));
  run(seconds{6}, milliseconds{2100});
  EXPECT_EQ(holder(), "primary") << "below the limit, and not below half of it";
  run(seconds{1}, seconds{2});
  EXPECT_EQ(holder(), "primary") << "not for long enough";
  run(seconds{1}, seconds{3});
  run(milliseconds{1500}, seconds{2});
  EXPECT_EQ(holder(), "primary") << "the time counts anew";
  run(seconds{2}, seconds{2});
  EXPECT_EQ(holder(), "secondary");
}

TEST_F(Readers, leave_a_secondary_whose_replication_is_broken_or_unknown_or_says_nothing) {
  pair_.start_both();
  run(seconds{4}, Duration{0});
  run(seconds{1}, Duration{0}, "applier stopped");
  EXPECT_EQ(holder(), "primary");
  EXPECT_THAT(pair_.view(1).reader.why, HasSubstr("applier stopped"));
  run(seconds{4}, Duration{0});
  EXPECT_EQ(holder(), "secondary");
  run(seconds{1}, std::nullopt);
  EXPECT_EQ(holder(), "primary");
  run(seconds{4}, Duration{0});
  EXPECT_EQ(holder(), "secondary");
  pair_.run_for(seconds{6});
  EXPECT_EQ(holder(), "primary");
  EXPECT_THAT(pair_.view(1).reader.why, HasSubstr("does not say"));
}

TEST_F(Readers, are_served_by_the_primary_when_the_secondary_is_lost_or_stopped) {
  pair_.start_both();
  run(seconds{4}, Duration{0});
  pair_.operate(1, Verb::stop);
  pair_.run_for(seconds{1});
  EXPECT_EQ(holder(), "primary");
  pair_.operate(1, Verb::start);
  run(seconds{5}, Duration{0});
  EXPECT_EQ(holder(), "secondary");
  pair_.is_up[1] = false;
  pair_.run_for(milliseconds{800});
  EXPECT_FALSE(pair_.kernel_has_reader[0]) << "its lease may live";
  pair_.run_for(seconds{1});
  EXPECT_TRUE(pair_.kernel_has_reader[0]);
}

TEST_F(Readers, stay_with_a_secondary_that_becomes_primary_in_a_swap_until_the_other_node_is_fresh) {
  pair_.start_both();
  run(seconds{4}, Duration{0});
  pair_.operate(0, Verb::swap);
  run(seconds{1}, Duration{0}, {}, 0);
  EXPECT_EQ(pair_.state(1), "PRIM Ready");
  EXPECT_EQ(holder(), "secondary") << "which is the primary now";
  run(seconds{4}, Duration{0}, {}, 0);
  EXPECT_EQ(holder(), "primary");
}

TEST_F(Readers, go_to_the_primary_when_the_secondary_cannot_set_the_address) {
  pair_.reader_fails[1] = true;
  pair_.start_both();
  run(seconds{5}, Duration{0});
  EXPECT_EQ(holder(), "primary");
  EXPECT_THAT(pair_.notes(1), HasSubstr("the readers' address could not be set here: no such interface; trying again"));
  pair_.reader_fails[1] = false;
  run(seconds{6}, Duration{0});
  EXPECT_EQ(holder(), "secondary");
}

TEST_F(Readers, get_their_address_again_where_somebody_removed_it) {
  pair_.start_both();
  run(seconds{4}, Duration{0});
  pair_.kernel_has_reader[1] = false;
  pair_.tell(1, ReaderLost{"10.0.0.101"});
  EXPECT_EQ(holder(), "secondary");
  EXPECT_THAT(pair_.notes(1), HasSubstr("10.0.0.101 vanished"));
}

TEST(Reader, is_nobodys_where_it_is_not_configured) {
  CorePair pair;
  pair.start_both();
  pair.tell(1, ReplicaSeen{Duration{0}, ""});
  pair.run_for(seconds{20});
  EXPECT_FALSE(pair.kernel_has_reader[0] || pair.kernel_has_reader[1]);
  EXPECT_FALSE(pair.view(1).reader.is_configured);
}

}  // namespace
}  // namespace clusteragent::core
