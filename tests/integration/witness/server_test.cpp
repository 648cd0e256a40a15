// What the witness must not do, whoever asks and whatever its disk does.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/witness/witness_fixture.hpp"

namespace clusteragent::testing {
namespace {

using core::Refusal;
using core::WitnessVerb;
using ::testing::HasSubstr;

class WitnessServerTest : public WitnessTest {
 protected:
  wire::Bytes sealed(std::uint64_t ask, std::uint64_t challenge, const core::WitnessRequest& question,
                     std::uint64_t incarnation = 10) const {
    const wire::WitnessHeader header{wire::key_id(keys[0].ring.current),
                                     wire::module_hash(module_name),
                                     question.from,
                                     Incarnation{incarnation},
                                     ask,
                                     challenge};
    return wire::encode_witness(header, question, wire::witness_key(keys[0].ring.current));
  }
  std::optional<wire::WitnessFrame> receive(BareAsker& from) {
    wire::Bytes bytes;
    if (!until([&] { return !(bytes = from.receive()).empty(); })) return std::nullopt;
    const auto decoded =
        wire::decode_witness(bytes, wire::key_id(keys[0].ring.current), wire::witness_key(keys[0].ring.current));
    const auto* frame = std::get_if<wire::WitnessFrame>(&decoded);
    return frame == nullptr ? std::nullopt : std::optional{*frame};
  }
  std::uint64_t challenge_of(BareAsker& from, std::uint64_t incarnation = 10) {
    from.send(sealed(1, 0, vote(2), incarnation));
    const auto frame = receive(from);
    return frame && std::holds_alternative<wire::ProveYourself>(frame->body) ? frame->header.challenge : 0;
  }
  void clear_disk() const { std::filesystem::remove_all(state_dir()); }

  std::string module_name = "demo";
};

TEST_F(WitnessServerTest, decides_nothing_for_who_has_not_proven_to_be_alive) {
  BareAsker bare{lan.a, io, port};
  for (const std::uint64_t guess : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    bare.send(sealed(1, guess, vote(2)));
    const auto frame = receive(bare);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(std::holds_alternative<wire::ProveYourself>(frame->body));
    EXPECT_NE(frame->header.challenge, 0U);
  }
  EXPECT_EQ(counters().unproven, 3U);
  EXPECT_TRUE(status().clusters.at(0).modules.empty()) << "nor is a module made for it";
}

TEST_F(WitnessServerTest, does_nothing_for_a_datagram_that_is_played_again) {
  BareAsker bare{lan.a, io, port};
  const std::uint64_t challenge = challenge_of(bare);
  const wire::Bytes recorded = sealed(5, challenge, vote(2));
  bare.send(recorded);
  ASSERT_TRUE(std::get<core::WitnessAnswer>(receive(bare)->body).is_granted);
  bare.send(sealed(6, challenge, request(WitnessVerb::release, tenure(2))));
  ASSERT_TRUE(receive(bare));
  ASSERT_FALSE(module().promise);
  bare.send(recorded);
  EXPECT_TRUE(until([&] { return counters().replayed == 1; }));
  EXPECT_FALSE(module().promise);
  EXPECT_TRUE(bare.receive().empty());
}

TEST_F(WitnessServerTest, does_nothing_for_a_datagram_of_a_former_life_of_asker_or_witness) {
  BareAsker bare{lan.a, io, port};
  const wire::Bytes recorded = sealed(5, challenge_of(bare), vote(2));
  bare.send(recorded);
  ASSERT_TRUE(receive(bare));
  const std::uint64_t next = challenge_of(bare, 20);
  bare.send(sealed(1, next, request(WitnessVerb::release, tenure(2)), 20));
  ASSERT_TRUE(receive(bare));
  bare.send(recorded);
  EXPECT_TRUE(std::holds_alternative<wire::ProveYourself>(receive(bare)->body));
  EXPECT_FALSE(module().promise);
  start();
  bare.send(recorded);
  EXPECT_TRUE(std::holds_alternative<wire::ProveYourself>(receive(bare)->body));
  EXPECT_FALSE(module().promise);
}

TEST_F(WitnessServerTest, counts_what_is_no_question_and_answers_none_of_it) {
  BareAsker bare{lan.a, io, port};
  wire::Bytes forged = sealed(1, 0, vote(2));
  forged.back() ^= 1;
  const wire::WitnessHeader header{
      wire::key_id(keys[0].ring.current), wire::module_hash("demo"), node_a, Incarnation{1}, 1, 0};
  bare.send(wire::Bytes(91, 'x'));
  bare.send(forged);
  bare.send(wire::encode_witness(header, core::WitnessAnswer{true, Refusal::none, tenure(2), {}},
                                 wire::witness_key(keys[0].ring.current)));
  EXPECT_TRUE(until([&] { return counters().received == 3; }));
  EXPECT_EQ(counters().malformed, 2U);
  EXPECT_EQ(counters().bad_mac, 1U);
  EXPECT_TRUE(bare.receive().empty());
}

TEST_F(WitnessServerTest, is_silent_for_the_longest_lease_after_a_reboot) {
  constexpr Duration short_lease = std::chrono::milliseconds{600};
  Asker a = asker(node_a);
  Asker b = asker(node_b);
  ASSERT_EQ(refusal_of(a, vote(2, short_lease)), Refusal::none);
  boot = "second boot";
  start();
  EXPECT_EQ(refusal_of(b, vote(3, short_lease)), Refusal::rebooted);
  EXPECT_GT(b.last().retry_after, Duration::zero());
  EXPECT_LE(b.last().retry_after, short_lease);
  EXPECT_EQ(refusal_of(a, renew(2, short_lease)), Refusal::rebooted);
  const Instant began = platform::boottime_now();
  const Duration wait = b.last().retry_after;
  Refusal refusal = Refusal::rebooted;
  while (refusal == Refusal::rebooted && platform::boottime_now() - began < patience) {
    refusal = refusal_of(b, vote(3, short_lease));
  }
  EXPECT_EQ(refusal, Refusal::none);
  EXPECT_GE(platform::boottime_now() - began, wait - std::chrono::milliseconds{100});
}

TEST_F(WitnessServerTest, says_so_when_the_disk_does_not_take_a_vote) {
  Asker a = asker(node_a);
  Asker b = asker(node_b);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  ASSERT_EQ(refusal_of(a, request(WitnessVerb::release, tenure(2))), Refusal::none);
  clear_disk();
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::not_stored);
  EXPECT_EQ(b.last().record, tenure(2)) << "what it has on disk";
  EXPECT_FALSE(module().promise);
  EXPECT_THAT(module().problem, HasSubstr(state_dir()));
  EXPECT_EQ(refusal_of(a, renew(2)), Refusal::none) << "renewals need no disk";
  std::filesystem::create_directories(state_dir());
  ASSERT_EQ(refusal_of(a, request(WitnessVerb::release, tenure(2))), Refusal::none);
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::none);
  EXPECT_EQ(module().problem, "");
}

TEST_F(WitnessServerTest, says_so_when_the_disk_is_full) {
  const std::string mounted = lan.b.shell("mount -t tmpfs -o size=4k,nr_inodes=16 tmpfs " + state_dir()).output;
  ASSERT_EQ(mounted, "") << "this test mounts a small tmpfs: run it as root";
  { std::ofstream{state_dir() + "/ballast"} << std::string(4096, 'x'); }
  Asker a = asker(node_a);
  EXPECT_EQ(refusal_of(a, vote(2)), Refusal::not_stored);
  EXPECT_THAT(module().problem, HasSubstr("No space left"));
  std::filesystem::remove(state_dir() + "/ballast");
  EXPECT_EQ(refusal_of(a, vote(2)), Refusal::none);
  server.reset();
  lan.b.must("umount " + state_dir());
}

TEST_F(WitnessServerTest, serves_a_damaged_module_no_more_and_leaves_its_file_alone) {
  Asker a = asker(node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  server.reset();
  { std::ofstream{state_file(), std::ios::app} << "x"; }
  const auto damaged = witness::read_small_file(state_file());
  start();
  EXPECT_THAT(module().problem, HasSubstr("mv " + state_file()));
  Asker b = asker(node_b);
  Asker other = asker(node_b, 1, "mail");
  for (int twice = 0; twice < 2; ++twice) EXPECT_EQ(refusal_of(b, vote(3)), Refusal::not_stored);
  EXPECT_EQ(refusal_of(other, vote(3)), Refusal::none) << "other modules are served";
  EXPECT_EQ(**witness::read_small_file(state_file()), **damaged);
}

TEST_F(WitnessServerTest, serves_no_more_modules_than_it_may) {
  for (std::size_t number = 0; number <= witness::modules_max; ++number) {
    Asker one = asker(node_a, 1, "module" + std::to_string(number));
    if (number < witness::modules_max) {
      ASSERT_EQ(refusal_of(one, vote(2)), Refusal::none) << number;
    } else {
      one.ask(vote(2));
      EXPECT_TRUE(until([&] { return counters().too_many_modules == 1; }));
    }
  }
  EXPECT_EQ(status().clusters.at(0).modules.size(), witness::modules_max);
}

TEST_F(WitnessServerTest, takes_new_keys_and_lets_old_ones_go_without_forgetting_votes) {
  Asker a = asker(node_a);
  ASSERT_EQ(refusal_of(a, vote(2)), Refusal::none);
  const auto first = keys;
  ASSERT_TRUE(server->set_keys({{"mail.key", {wire::Key{8}, {}, {}}}}));
  a.ask(renew(2));
  EXPECT_TRUE(until([&] { return counters().foreign_key == 1; }));
  ASSERT_TRUE(server->set_keys({first[0], {"mail.key", {wire::Key{8}, {}, {}}}, {"copy.key", {wire::Key{8}, {}, {}}}}));
  EXPECT_EQ(status().clusters.size(), 2U) << "the same key twice counts once";
  Asker b = asker(node_b);
  EXPECT_EQ(refusal_of(b, vote(3)), Refusal::promised);
  EXPECT_FALSE(server->set_keys(std::vector<witness::ClusterKey>(witness::keys_max + 1)));
}

TEST_F(WitnessServerTest, does_nothing_for_a_datagram_from_before_its_key_was_taken_away) {
  BareAsker bare{lan.a, io, port};
  const wire::Bytes recorded = sealed(5, challenge_of(bare), vote(2));
  bare.send(recorded);
  ASSERT_TRUE(receive(bare));
  ASSERT_TRUE(server->set_keys({}));
  ASSERT_TRUE(server->set_keys(keys));
  bare.send(recorded);
  EXPECT_TRUE(std::holds_alternative<wire::ProveYourself>(receive(bare)->body));
}

TEST_F(WitnessServerTest, does_not_share_its_port) {
  lan.b.run([this] {
    const auto second = witness::WitnessServer::open(io, {"", port, state_dir(), promise_dir(), boot}, keys);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("9200"));
  });
}

}  // namespace
}  // namespace clusteragent::testing
