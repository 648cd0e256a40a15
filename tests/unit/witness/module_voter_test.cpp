// The order in which a vote becomes known: disk, promise, answer. The disk is played by the test.
#include "agent/witness/module_voter.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "agent/witness/voter_file.hpp"

namespace clusteragent::witness {
namespace {

using core::Refusal;
using core::WitnessVerb;
using std::chrono::seconds;

constexpr NodeId a{0};
constexpr NodeId b{1};
constexpr Duration lease = seconds{10};

core::Record tenure(std::uint64_t epoch, std::uint64_t revision = 0) {
  return {Epoch{epoch}, Revision{revision}, NodeId{static_cast<std::uint8_t>(epoch & 1U)}, core::NodeSet::both()};
}

class ModuleVoterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory);
    start({});
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  PromiseFile promises() const { return {directory / "x.promise", boot}; }
  ModuleHandlers handlers() {
    return {[this](const Asked& asked, const core::WitnessAnswer& answer) {
              answers.push_back(answer);
              answered.push_back(asked.header.ask);
            },
            [this](const std::string& text) { stores.push_back(text); }};
  }
  void start(const ModuleVoter::Loaded& loaded) {
    module = std::make_unique<ModuleVoter>(loaded, promises(), 1, now, handlers());
  }
  /// As the daemon does when it is started anew: from what the test's disk took last.
  void restart() {
    const auto state = disk.empty() ? core::VoterState{} : *decode_voter(disk, "disk");
    start({state, !disk.empty()});
  }
  void ask(WitnessVerb verb, const core::Record& record, Duration asked_lease = lease) {
    const wire::WitnessHeader header{1, 2, record.holder, Incarnation{5}, ++asks, 1};
    module->take(now, {header, {verb, record.holder, record, asked_lease, false}, {}});
  }
  void disk_ends(Replaced outcome) {
    ASSERT_TRUE(module->is_storing());
    if (outcome == Replaced::done) disk = stores.back();
    module->stored(now, {outcome, outcome == Replaced::done ? "" : "no space left"});
  }
  void vote(std::uint64_t epoch) {
    ask(WitnessVerb::vote, tenure(epoch));
    disk_ends(Replaced::done);
    ASSERT_EQ(last(), Refusal::none);
  }
  Refusal last() const { return answers.back().refusal; }

  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("clusteragent-voter-" + std::to_string(::getpid()));
  std::string boot = "this boot";
  Instant now = Instant::from_nanoseconds(1'000'000'000'000);
  std::vector<core::WitnessAnswer> answers;
  std::vector<std::uint64_t> answered;
  std::vector<std::string> stores;
  std::string disk;
  std::uint64_t asks = 0;
  std::unique_ptr<ModuleVoter> module;
};

TEST_F(ModuleVoterTest, tells_a_vote_only_once_it_is_on_disk) {
  ask(WitnessVerb::vote, tenure(2));
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(decode_voter(stores[0], "")->voted_epoch, Epoch{2});
  EXPECT_TRUE(answers.empty());
  disk_ends(Replaced::done);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].is_granted);
}

TEST_F(ModuleVoterTest, does_not_tell_a_repeated_vote_sooner_than_the_first) {
  ask(WitnessVerb::vote, tenure(2));
  ask(WitnessVerb::vote, tenure(2));
  ask(WitnessVerb::query, {Epoch{}, Revision{}, b, core::NodeSet::both()});
  EXPECT_TRUE(answers.empty());
  disk_ends(Replaced::done);
  EXPECT_THAT(answered, testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(last(), Refusal::promised);
}

TEST_F(ModuleVoterTest, forgets_a_vote_that_the_disk_did_not_take) {
  ask(WitnessVerb::vote, tenure(2));
  disk_ends(Replaced::unchanged);
  EXPECT_EQ(last(), Refusal::not_stored);
  EXPECT_EQ(module->voter().state(), core::VoterState{});
  EXPECT_FALSE(module->voter().promise());
  EXPECT_THAT(module->problem(), testing::HasSubstr("no space left"));
  vote(3);
  EXPECT_EQ(module->problem(), "");
}

TEST_F(ModuleVoterTest, renews_while_another_write_of_the_same_module_is_under_way) {
  vote(2);
  ask(WitnessVerb::renew, tenure(2), 2 * lease);  // the longest lease so far: it has to be remembered
  ASSERT_TRUE(module->is_storing());
  ask(WitnessVerb::query, tenure(2));
  EXPECT_EQ(answered.back(), 3U) << "changes nothing and is the same before and after";
  ask(WitnessVerb::renew, tenure(2, 1));
  EXPECT_EQ(answered.back(), 3U) << "a new revision waits";
  disk_ends(Replaced::done);
  EXPECT_EQ(answered.back(), 2U);
  disk_ends(Replaced::done);
  EXPECT_EQ(answered.back(), 4U);
}

TEST_F(ModuleVoterTest, keeps_only_the_newest_question_of_a_node_waiting) {
  ask(WitnessVerb::vote, tenure(2));
  for (int more = 0; more < 5; ++more) ask(WitnessVerb::vote, tenure(2));
  disk_ends(Replaced::done);
  EXPECT_THAT(answered, testing::ElementsAre(1, 6));
}

TEST_F(ModuleVoterTest, grants_nothing_before_a_write_of_unknown_outcome_is_made_good) {
  vote(2);
  now = now + lease;
  ask(WitnessVerb::vote, tenure(3));
  disk_ends(Replaced::uncertain);
  EXPECT_EQ(last(), Refusal::not_stored);
  // After a crash the disk might say that b has the vote: a's promise must not be given on memory alone.
  const auto count = answers.size();
  ask(WitnessVerb::renew, tenure(2));
  EXPECT_EQ(answers.size(), count);
  disk_ends(Replaced::done);
  EXPECT_EQ(last(), Refusal::none);
  ask(WitnessVerb::renew, tenure(2));
  EXPECT_EQ(answers.size(), count + 2) << "and from then on without the disk";
}

TEST_F(ModuleVoterTest, keeps_votes_and_promise_over_a_restart) {
  vote(2);
  now = now + seconds{1};
  restart();
  EXPECT_EQ(module->silent_until(), Instant{});
  ask(WitnessVerb::vote, tenure(3));
  EXPECT_EQ(last(), Refusal::promised);
  ask(WitnessVerb::renew, tenure(2));
  EXPECT_EQ(last(), Refusal::none);
}

TEST_F(ModuleVoterTest, keeps_a_promise_although_its_votes_are_gone) {
  vote(2);
  disk.clear();
  restart();
  ask(WitnessVerb::vote, tenure(3));
  EXPECT_EQ(last(), Refusal::promised);
}

TEST_F(ModuleVoterTest, is_silent_for_the_longest_lease_after_a_reboot) {
  vote(2);
  boot = "next boot";
  restart();
  ask(WitnessVerb::vote, tenure(3));
  EXPECT_EQ(last(), Refusal::rebooted);
  EXPECT_EQ(answers.back().retry_after, lease);
  ask(WitnessVerb::renew, tenure(2));
  EXPECT_EQ(last(), Refusal::rebooted);
  now = now + lease;
  vote(3);
}

TEST_F(ModuleVoterTest, is_as_silent_when_it_is_started_again_while_it_is_silent) {
  vote(2);
  boot = "next boot";
  restart();
  for (const auto verb : {WitnessVerb::query, WitnessVerb::vote, WitnessVerb::release}) ask(verb, tenure(2));
  restart();
  EXPECT_EQ(module->silent_until(), now + lease);
}

TEST_F(ModuleVoterTest, is_silent_when_its_promises_are_lost) {
  vote(2);
  std::filesystem::remove(directory / "x.promise");
  restart();
  ask(WitnessVerb::vote, tenure(3));
  EXPECT_EQ(last(), Refusal::rebooted);
}

TEST_F(ModuleVoterTest, promises_nothing_that_a_restart_would_forget) {
  std::filesystem::remove_all(directory);
  ask(WitnessVerb::vote, tenure(2));
  disk_ends(Replaced::done);
  EXPECT_EQ(last(), Refusal::not_stored);
  EXPECT_EQ(module->voter().state().voted_epoch, Epoch{2}) << "the vote is on disk";
  EXPECT_FALSE(module->voter().promise());
  std::filesystem::create_directories(directory);
  ask(WitnessVerb::vote, tenure(2));
  EXPECT_EQ(last(), Refusal::none);
}

TEST_F(ModuleVoterTest, whose_file_is_damaged_serves_nothing_and_writes_nothing) {
  module = std::make_unique<ModuleVoter>("its file is damaged", promises(), 1, handlers());
  for (const auto verb : {WitnessVerb::query, WitnessVerb::renew, WitnessVerb::vote, WitnessVerb::release}) {
    ask(verb, tenure(2));
    EXPECT_EQ(last(), Refusal::not_stored);
  }
  EXPECT_TRUE(stores.empty());
  EXPECT_EQ(module->problem(), "its file is damaged");
}

}  // namespace
}  // namespace clusteragent::witness
