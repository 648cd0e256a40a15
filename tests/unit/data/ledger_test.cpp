// What the primary may acknowledge, in every mode and at every loss of the replica.
#include "agent/data/filesync/ledger/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Waiter first{1, {}};
constexpr Waiter second{2, 512};

Ledger in_both() {
  Ledger ledger{true};
  ledger.begin_copy();
  const Sequence end = ledger.append();
  ledger.end_copy(end);
  EXPECT_TRUE(ledger.copied(end).is_synced);
  ledger.confirmed(end);
  return ledger;
}

TEST(Ledger, acknowledges_alone_only_where_the_record_says_so) {
  Ledger solo{true};
  EXPECT_TRUE(solo.may_reply(first, solo.mark()));
  Ledger waiting{false};
  EXPECT_FALSE(waiting.may_reply(first, waiting.mark()));
  EXPECT_THAT(waiting.allow_solo().released, ElementsAre(first));
  EXPECT_TRUE(waiting.may_reply(second, waiting.mark()));
}

TEST(Ledger, waits_for_the_replica_where_both_are_on_record) {
  Ledger ledger = in_both();
  EXPECT_TRUE(ledger.may_reply(first, ledger.mark()));
  ledger.append();
  const Mark one = ledger.mark();
  ledger.append();
  EXPECT_FALSE(ledger.may_reply(second, ledger.mark()));
  EXPECT_FALSE(ledger.may_reply(first, one));
  EXPECT_THAT(ledger.confirmed(one.sequence).released, ElementsAre(first));
  EXPECT_THAT(ledger.confirmed(ledger.mark().sequence).released, ElementsAre(second));
}

TEST(Ledger, believes_no_confirmation_of_what_was_never_sent) {
  Ledger ledger = in_both();
  ledger.append();
  const Mark mark = ledger.mark();
  EXPECT_FALSE(ledger.may_reply(first, mark));
  EXPECT_THAT(ledger.confirmed(Sequence{mark.sequence.value() + 1}).released, IsEmpty());
  EXPECT_TRUE(ledger.has_unconfirmed());
}

TEST(Ledger, holds_replies_when_the_replica_is_lost_until_solo_is_allowed) {
  Ledger ledger = in_both();
  ledger.append();
  EXPECT_FALSE(ledger.may_reply(first, ledger.mark()));
  const Outcome lost = ledger.lost();
  EXPECT_TRUE(lost.is_behind);
  EXPECT_THAT(lost.released, IsEmpty());
  EXPECT_FALSE(ledger.may_begin_copy());
  EXPECT_FALSE(ledger.may_reply(second, ledger.mark()));
  EXPECT_THAT(ledger.allow_solo().released, testing::UnorderedElementsAre(first, second));
  EXPECT_TRUE(ledger.may_begin_copy());
}

TEST(Ledger, a_copy_promises_nothing_until_it_is_on_the_replicas_disk) {
  Ledger ledger{true};
  ledger.begin_copy();
  ledger.append();
  EXPECT_TRUE(ledger.may_reply(first, ledger.mark()));
  const Sequence end = ledger.append();
  EXPECT_FALSE(ledger.copied(end).is_synced) << "no end was announced";
  ledger.end_copy(end);
  EXPECT_FALSE(ledger.copied(Sequence{1}).is_synced);
  EXPECT_TRUE(ledger.copied(end).is_synced);
  EXPECT_EQ(ledger.mode(), Mode::both);
}

TEST(Ledger, a_copy_that_breaks_leaves_it_alone_and_asks_nobody) {
  Ledger ledger{true};
  ledger.begin_copy();
  const Outcome lost = ledger.lost();
  EXPECT_FALSE(lost.is_behind);
  EXPECT_EQ(ledger.mode(), Mode::solo);
}

TEST(Ledger, what_a_former_connection_was_to_carry_came_with_the_copy) {
  Ledger ledger = in_both();
  for (int count = 0; count < 10; ++count) ledger.append();
  const Mark old = ledger.mark();
  ledger.lost();
  ledger.allow_solo();
  ledger.begin_copy();
  const Sequence end = ledger.append();
  ledger.end_copy(end);
  ledger.copied(end);
  EXPECT_TRUE(ledger.may_reply(first, old));
}

TEST(Ledger, abandons_those_who_wait) {
  Ledger ledger = in_both();
  ledger.append();
  EXPECT_FALSE(ledger.may_reply(first, ledger.mark()));
  EXPECT_THAT(ledger.abandon(), ElementsAre(first));
  EXPECT_FALSE(ledger.is_streaming());
  EXPECT_FALSE(ledger.may_begin_copy());
}

// The record is about to say that the replica has everything: what was acknowledged without it has to be there, and a
// write that came behind the end of the copy is on its way only.
TEST(Ledger, is_synced_once_the_replica_has_what_was_acknowledged_without_it) {
  Ledger ledger{true};
  ledger.begin_copy();
  const Sequence end = ledger.append();
  ledger.end_copy(end);
  const Sequence later = ledger.append();
  EXPECT_TRUE(ledger.may_reply(first, ledger.mark()));
  EXPECT_FALSE(ledger.copied(end).is_synced);
  ledger.append();
  EXPECT_FALSE(ledger.may_reply(second, ledger.mark()));
  EXPECT_FALSE(ledger.confirmed(end).is_synced);
  EXPECT_TRUE(ledger.confirmed(later).is_synced);
  EXPECT_FALSE(ledger.confirmed(later).is_synced);
}

TEST(Ledger, goes_on_alone_where_the_replica_is_lost_before_it_was_called_synced) {
  Ledger ledger{true};
  ledger.begin_copy();
  const Sequence end = ledger.append();
  ledger.end_copy(end);
  ledger.append();
  EXPECT_FALSE(ledger.copied(end).is_synced);
  EXPECT_FALSE(ledger.may_reply(first, ledger.mark()));
  const Outcome lost = ledger.lost();
  EXPECT_FALSE(lost.is_behind);
  EXPECT_THAT(lost.released, ElementsAre(first));
  EXPECT_TRUE(ledger.may_begin_copy());
}

}  // namespace
}  // namespace clusteragent::filesync
