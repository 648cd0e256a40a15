#include "agent/witness/voter_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/witness/promise_file.hpp"
#include "agent/witness/sealed_text.hpp"

namespace clusteragent::witness {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr Duration lease = seconds{10};

class WitnessFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory); }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string path() const { return directory / "x"; }
  void write(const std::string& text) const { std::ofstream{path()} << text; }
  std::string read() const {
    std::ifstream file{path()};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  PromiseFile promises(const std::string& boot = "this boot") const { return {path(), boot}; }

  core::VoterState state{
      {Epoch{41}, Revision{2}, NodeId{1}, core::NodeSet::only(NodeId{1})}, Epoch{43}, NodeId{1}, seconds{9}};
  Instant now = Instant::from_nanoseconds(5'000'000'000);
  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("clusteragent-witness-" + std::to_string(::getpid()));
};

TEST_F(WitnessFiles, give_back_the_votes_that_were_saved) {
  ASSERT_EQ(replace_file(path(), encode_voter(state), true).outcome, Replaced::done);
  const auto loaded = load_voter(path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(**loaded, state);
}

TEST_F(WitnessFiles, are_absent_at_the_first_start) {
  const auto loaded = load_voter(path());
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->has_value());
}

TEST_F(WitnessFiles, refuse_every_damaged_byte_and_every_truncation_with_path_and_remedy) {
  const std::string whole = encode_voter(state);
  ASSERT_TRUE(decode_voter(whole, "p"));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
    const auto decoded = decode_voter(damaged, "/var/lib/w/x.state");
    ASSERT_FALSE(decoded) << "byte " << at;
    EXPECT_THAT(decoded.error().message, HasSubstr("mv /var/lib/w/x.state"));
    EXPECT_FALSE(decode_voter(whole.substr(0, at), "p")) << "length " << at;
  }
}

TEST_F(WitnessFiles, refuse_impossible_values_whose_checksum_is_right) {
  const auto sealed = [](const char* holder, const char* sync_set, const char* voted_for, const char* lease_max) {
    return seal("clusteragent-witness-state 1", {{"epoch", "4"},
                                                 {"revision", "0"},
                                                 {"holder", holder},
                                                 {"sync_set", sync_set},
                                                 {"voted_epoch", "4"},
                                                 {"voted_for", voted_for},
                                                 {"lease_max_ns", lease_max}});
  };
  EXPECT_TRUE(decode_voter(sealed("0", "1", "1", "5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("2", "1", "1", "5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "0", "1", "5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "4", "1", "5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "1", "2", "5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "1", "1", "-5"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "1", "1", "5x"), "p"));
  EXPECT_TRUE(decode_voter(sealed("0", "1", "1", "3600000000000"), "p"));
  EXPECT_FALSE(decode_voter(sealed("0", "1", "1", "3600000000001"), "p"));
}

TEST_F(WitnessFiles, that_cannot_be_replaced_say_so_and_stay_as_they_were) {
  const auto replaced = replace_file("/proc/clusteragent/x", "text", true);
  EXPECT_EQ(replaced.outcome, Replaced::unchanged);
  EXPECT_THAT(replaced.problem, HasSubstr("/proc/clusteragent/x.new"));
  std::filesystem::create_directory(path());
  const auto blocked = replace_file(path(), "text", true);
  EXPECT_EQ(blocked.outcome, Replaced::unchanged);
  EXPECT_FALSE(std::filesystem::exists(path() + ".new")) << "what is left over would fill the disk";
}

TEST_F(WitnessFiles, are_named_by_key_and_module) {
  const ModuleId id{0xab, 0x0102};
  const std::string path = state_path("/d", id);
  EXPECT_EQ(path, "/d/00000000000000ab-0000000000000102.state");
  EXPECT_EQ(id_of_state_file(path.substr(3)), id);
  for (const char* other :
       {"", "x.state", "00000000000000ab-0000000000000102.state.new", "00000000000000AB-0000000000000102.state",
        "00000000000000ab_0000000000000102.state", "00000000000000ab-000000000000010g.state"}) {
    EXPECT_FALSE(id_of_state_file(other)) << other;
  }
}

TEST_F(WitnessFiles, carry_a_promise_over_a_restart_and_never_a_shorter_one) {
  const core::Promise promise{NodeId{1}, now + lease};
  PromiseFile first = promises();
  EXPECT_FALSE(first.load().is_known);
  ASSERT_TRUE(first.cover(promise, lease));
  const auto carried = promises().load();
  EXPECT_TRUE(carried.is_known);
  ASSERT_TRUE(carried.promise);
  EXPECT_EQ(carried.promise->holder, NodeId{1});
  EXPECT_GE(carried.promise->until, promise.until);
}

TEST_F(WitnessFiles, are_rewritten_when_a_promise_reaches_further_than_they_say_and_not_before) {
  PromiseFile file = promises();
  ASSERT_TRUE(file.cover(core::Promise{NodeId{1}, now + lease}, lease));
  int rewrites = 0;
  for (int second = 1; second <= 40; ++second) {
    const core::Promise promise{NodeId{1}, now + seconds{second} + lease};
    const std::string before = read();
    ASSERT_TRUE(file.cover(promise, lease));
    rewrites += before != read() ? 1 : 0;
    ASSERT_GE(promises().load().promise->until, promise.until) << second;
  }
  EXPECT_GE(rewrites, 2);
  EXPECT_LE(rewrites, 4) << "one a lease";
}

TEST_F(WitnessFiles, tell_another_holder_at_once_and_that_there_is_none) {
  PromiseFile file = promises();
  ASSERT_TRUE(file.cover(core::Promise{NodeId{1}, now + lease}, lease));
  ASSERT_TRUE(file.cover(core::Promise{NodeId{0}, now + Duration{1}}, Duration{1}));
  EXPECT_EQ(promises().load().promise->holder, NodeId{0});
  ASSERT_TRUE(file.cover({}, lease));
  EXPECT_TRUE(promises().load().is_known);
  EXPECT_FALSE(promises().load().promise);
}

TEST_F(WitnessFiles, of_another_boot_or_damaged_say_nothing) {
  PromiseFile file = promises();
  ASSERT_TRUE(file.cover(core::Promise{NodeId{1}, now + lease}, lease));
  EXPECT_FALSE(promises("another boot").load().is_known);
  const std::string whole = read();
  write(whole.substr(0, whole.size() - 1));
  EXPECT_FALSE(promises().load().is_known);
}

TEST_F(WitnessFiles, know_this_boot) {
  const auto boot = machine_boot_id();
  ASSERT_TRUE(boot);
  EXPECT_EQ(boot->size(), 36U) << *boot;
}

}  // namespace
}  // namespace clusteragent::witness
