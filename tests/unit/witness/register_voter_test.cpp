// Two nodes that share a register and nothing else: who gets the vote, and when. The register is played by the test;
// each node has a clock of its own.
#include "agent/witness/register_voter.hpp"

#include <gmock/gmock.h>

#include <array>

namespace clusteragent::witness {
namespace {

using core::Refusal;
using core::WitnessAnswer;
using core::WitnessVerb;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr Duration lease = seconds{10};

/// What etcd does with one key.
struct Store {
  std::uint64_t cluster_id = 77;
  std::int64_t revision = 1;
  std::int64_t mod_revision = 0;
  std::string value;

  Reading read() const { return {cluster_id, revision, mod_revision, value}; }
  void put(std::string text) {
    value = std::move(text);
    mod_revision = ++revision;
  }
};

class Node {
 public:
  Node(Store& store, std::uint8_t number, std::int64_t clock_seconds)
      : store_{store}, self_{number}, now{Instant::from_nanoseconds(clock_seconds * 1'000'000'000)} {}

  core::Record tenure(std::uint64_t epoch) const { return {Epoch{epoch}, Revision{}, self_, core::NodeSet::both()}; }
  core::WitnessRequest request(WitnessVerb verb, const core::Record& record, Duration wanted = lease) const {
    return {verb, self_, record, wanted, false};
  }
  RegisterStep begin(WitnessVerb verb, std::uint64_t epoch) { return voter.begin(now, request(verb, tenure(epoch))); }
  /// What a step asks of the store, and what follows from that.
  RegisterStep next(const RegisterStep& step) {
    const auto* swap = std::get_if<Swap>(&step);
    if (swap == nullptr) return voter.on_read(now, store_.read());
    if (swap->mod_revision != store_.mod_revision) return voter.on_read(now, store_.read());
    store_.put(swap->value);
    ++swaps;
    return voter.on_swapped(now, store_.cluster_id, store_.revision);
  }
  WitnessAnswer finish(RegisterStep step) {
    while (std::holds_alternative<Read>(step) || std::holds_alternative<Swap>(step)) step = next(step);
    EXPECT_TRUE(std::holds_alternative<WitnessAnswer>(step));
    return std::get<WitnessAnswer>(step);
  }
  WitnessAnswer ask(WitnessVerb verb, std::uint64_t epoch, Duration wanted = lease) {
    return finish(voter.begin(now, request(verb, tenure(epoch), wanted)));
  }
  void observe() { voter.observe(now, store_.read()); }

 private:
  Store& store_;
  NodeId self_;

 public:
  Instant now;
  RegisterVoter voter{"prefix/key/demo"};
  int swaps = 0;
};

class RegisterVoterTest : public testing::Test {
 protected:
  void pass(Duration time) {
    for (Node* node : {&a, &b}) node->now = node->now + time;
  }

  Store store;
  Node a{store, 0, 1'000};
  Node b{store, 1, 500'000};
};

TEST_F(RegisterVoterTest, votes_only_with_what_the_register_took) {
  RegisterStep step = a.begin(WitnessVerb::vote, 1);
  ASSERT_TRUE(std::holds_alternative<Read>(step));
  step = a.next(step);
  ASSERT_TRUE(std::holds_alternative<Swap>(step));
  EXPECT_EQ(std::get<Swap>(step).mod_revision, 0);
  EXPECT_TRUE(store.value.empty());
  const WitnessAnswer answer = a.finish(step);
  EXPECT_TRUE(answer.is_granted);
  EXPECT_EQ(answer.record, a.tenure(1));
  EXPECT_EQ(decode_register(store.value)->promise, (RegisterPromise{NodeId{0}, lease}));
}

TEST_F(RegisterVoterTest, renews_with_one_request) {
  a.ask(WitnessVerb::vote, 1);
  const std::int64_t before = store.mod_revision;
  const RegisterStep step = a.begin(WitnessVerb::renew, 1);
  ASSERT_TRUE(std::holds_alternative<Swap>(step));
  EXPECT_TRUE(a.finish(step).is_granted);
  EXPECT_GT(store.mod_revision, before);
}

TEST_F(RegisterVoterTest, waits_a_whole_lease_from_when_it_saw_the_promise_itself) {
  a.ask(WitnessVerb::vote, 1);
  pass(lease);
  // However old the promise is: b sees it for the first time.
  WitnessAnswer answer = b.ask(WitnessVerb::vote, 2);
  EXPECT_EQ(answer.refusal, Refusal::promised);
  EXPECT_EQ(answer.retry_after, lease);
  pass(lease - milliseconds{1});
  EXPECT_EQ(b.ask(WitnessVerb::vote, 2).refusal, Refusal::promised);
  pass(milliseconds{1});
  EXPECT_TRUE(b.ask(WitnessVerb::vote, 2).is_granted);
  EXPECT_EQ(a.ask(WitnessVerb::renew, 1).refusal, Refusal::outdated);
}

TEST_F(RegisterVoterTest, has_waited_already_when_it_went_on_observing) {
  a.ask(WitnessVerb::vote, 1);
  b.observe();
  pass(lease);
  b.observe();
  EXPECT_TRUE(b.ask(WitnessVerb::query, 1).is_granted);
  EXPECT_TRUE(b.ask(WitnessVerb::vote, 2).is_granted);
}

TEST_F(RegisterVoterTest, waits_anew_after_each_renewal_it_sees) {
  a.ask(WitnessVerb::vote, 1);
  b.observe();
  pass(lease / 2);
  a.ask(WitnessVerb::renew, 1);
  b.observe();
  pass(lease / 2);
  EXPECT_EQ(b.ask(WitnessVerb::query, 1).retry_after, lease / 2);
}

TEST_F(RegisterVoterTest, finds_a_renewal_that_it_has_not_seen) {
  a.ask(WitnessVerb::vote, 1);
  b.observe();
  pass(lease);
  // Renewed after b has read and before it votes.
  const RegisterStep step = b.begin(WitnessVerb::vote, 2);
  ASSERT_TRUE(std::holds_alternative<Swap>(step));
  ASSERT_TRUE(a.ask(WitnessVerb::renew, 1).is_granted);
  const WitnessAnswer answer = b.finish(step);
  EXPECT_EQ(answer.refusal, Refusal::promised);
  EXPECT_EQ(answer.retry_after, lease);
  EXPECT_EQ(b.swaps, 0);
}

TEST_F(RegisterVoterTest, of_two_votes_at_once_the_register_takes_one) {
  RegisterStep of_a = a.next(a.begin(WitnessVerb::vote, 1));
  RegisterStep of_b = b.next(b.begin(WitnessVerb::vote, 1));
  EXPECT_TRUE(a.finish(of_a).is_granted);
  const WitnessAnswer answer = b.finish(of_b);
  EXPECT_EQ(answer.refusal, Refusal::voted);
  EXPECT_EQ(answer.record, a.tenure(1));
}

TEST_F(RegisterVoterTest, begins_to_wait_anew_in_a_new_life) {
  a.ask(WitnessVerb::vote, 1);
  b.observe();
  pass(lease);
  b.voter = RegisterVoter{"prefix/key/demo"};
  EXPECT_EQ(b.ask(WitnessVerb::query, 1).retry_after, lease);
}

TEST_F(RegisterVoterTest, gives_the_role_at_once_when_it_was_released) {
  a.ask(WitnessVerb::vote, 1);
  b.observe();
  EXPECT_TRUE(a.ask(WitnessVerb::release, 1).is_granted);
  EXPECT_FALSE(decode_register(store.value)->promise);
  EXPECT_TRUE(b.ask(WitnessVerb::vote, 2).is_granted);
}

TEST_F(RegisterVoterTest, releases_only_its_own_promise) {
  a.ask(WitnessVerb::vote, 1);
  EXPECT_TRUE(b.ask(WitnessVerb::release, 1).is_granted);
  EXPECT_EQ(b.swaps, 0);
  EXPECT_TRUE(decode_register(store.value)->promise);
}

TEST_F(RegisterVoterTest, asks_before_it_writes_nothing) {
  a.ask(WitnessVerb::vote, 1);
  const std::int64_t before = store.mod_revision;
  a.ask(WitnessVerb::query, 1);
  b.ask(WitnessVerb::query, 1);
  EXPECT_EQ(store.mod_revision, before);
}

TEST_F(RegisterVoterTest, never_shortens_a_promise_that_its_holder_may_count_on) {
  a.ask(WitnessVerb::vote, 1);
  a.ask(WitnessVerb::renew, 1, lease / 10);
  EXPECT_EQ(decode_register(store.value)->promise->lease, lease);
}

TEST_F(RegisterVoterTest, reads_again_after_a_swap_whose_end_it_does_not_know) {
  a.ask(WitnessVerb::vote, 1);
  const RegisterStep lost = a.begin(WitnessVerb::renew, 1);
  store.put(std::get<Swap>(lost).value);  // it arrived, its answer did not
  a.voter.abandon();
  const RegisterStep step = a.begin(WitnessVerb::renew, 1);
  ASSERT_TRUE(std::holds_alternative<Read>(step));
  EXPECT_TRUE(a.finish(step).is_granted);
}

TEST_F(RegisterVoterTest, answers_the_same_vote_again_when_its_answer_was_lost) {
  RegisterStep lost = a.next(a.begin(WitnessVerb::vote, 1));
  store.put(std::get<Swap>(lost).value);
  a.voter.abandon();
  EXPECT_TRUE(a.ask(WitnessVerb::vote, 1).is_granted);
}

TEST_F(RegisterVoterTest, gives_up_a_question_that_loses_every_race) {
  RegisterStep step = a.begin(WitnessVerb::vote, 1);
  step = a.next(step);
  for (int races = 0; races < 4; ++races) {
    ASSERT_TRUE(std::holds_alternative<Swap>(step));
    store.put(encode_register({}));
    step = a.next(step);
  }
  EXPECT_TRUE(std::holds_alternative<Unanswered>(step));
}

TEST_F(RegisterVoterTest, refuses_a_damaged_value_by_its_key_and_never_overwrites_it) {
  a.ask(WitnessVerb::vote, 1);
  const std::string good = store.value;
  store.put("damaged");
  for (const WitnessVerb verb : {WitnessVerb::query, WitnessVerb::renew, WitnessVerb::vote, WitnessVerb::renew}) {
    EXPECT_EQ(a.ask(verb, 1).refusal, Refusal::not_stored);
    EXPECT_EQ(b.ask(verb, 2).refusal, Refusal::not_stored);
  }
  EXPECT_EQ(store.value, "damaged");
  EXPECT_THAT(a.voter.problem(), HasSubstr("prefix/key/demo"));
  EXPECT_THAT(a.voter.problem(), HasSubstr("no JSON object"));
  // Put right again, it is used again.
  store.put(good);
  EXPECT_TRUE(a.ask(WitnessVerb::renew, 1).is_granted);
  EXPECT_EQ(a.voter.problem(), "");
}

TEST_F(RegisterVoterTest, refuses_a_value_that_was_made_empty) {
  store.put("");
  EXPECT_EQ(a.ask(WitnessVerb::vote, 1).refusal, Refusal::not_stored);
  EXPECT_THAT(a.voter.problem(), HasSubstr("it is empty"));
}

TEST_F(RegisterVoterTest, refuses_everything_once_the_store_went_back) {
  a.ask(WitnessVerb::vote, 1);
  const Store backup = store;
  a.ask(WitnessVerb::renew, 1);
  store = backup;
  EXPECT_EQ(a.ask(WitnessVerb::renew, 1).refusal, Refusal::not_stored);
  EXPECT_THAT(a.voter.problem(), HasSubstr("went back from revision 3 to 2"));
  // Growing past the old revision brings back no promise that was lost.
  store.revision += 100;
  store.put(backup.value);
  EXPECT_EQ(a.ask(WitnessVerb::renew, 1).refusal, Refusal::not_stored);
}

TEST_F(RegisterVoterTest, refuses_everything_once_the_key_was_deleted) {
  a.ask(WitnessVerb::vote, 1);
  store.value.clear();
  store.mod_revision = 0;
  ++store.revision;
  EXPECT_EQ(a.ask(WitnessVerb::renew, 1).refusal, Refusal::not_stored);
  EXPECT_THAT(a.voter.problem(), HasSubstr("was deleted"));
}

TEST_F(RegisterVoterTest, refuses_everything_once_another_cluster_answers) {
  a.ask(WitnessVerb::vote, 1);
  store.cluster_id = 78;
  EXPECT_EQ(a.ask(WitnessVerb::renew, 1).refusal, Refusal::not_stored);
  EXPECT_THAT(a.voter.problem(), HasSubstr("another cluster"));
}

TEST_F(RegisterVoterTest, believes_no_swap_that_another_cluster_took) {
  a.ask(WitnessVerb::vote, 1);
  static_cast<void>(a.begin(WitnessVerb::renew, 1));
  const RegisterStep step = a.voter.on_swapped(a.now, 78, 900);
  EXPECT_EQ(std::get<WitnessAnswer>(step).refusal, Refusal::not_stored);
}

}  // namespace
}  // namespace clusteragent::witness
