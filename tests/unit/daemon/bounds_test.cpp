// Bounds that two folders share without seeing each other: what the configuration accepts must be what the core's
// margin and the witness's datagrams can carry (docs/witness.md, docs/fencing.md).
#include <gtest/gtest.h>

#include "agent/config/config.hpp"
#include "agent/core/machine.hpp"
#include "agent/wire/witness_frame.hpp"

namespace clusteragent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr const char* witness = R"(<check><splitbrain ident="w" exec="witness" arg="192.0.2.13"/></check>)";

/// The timeout that is configured, where the configuration is accepted without a word.
std::optional<Duration> accepted_timeout(const std::string& timeout, const std::string& inside) {
  const auto parsed = config::parse_module(
      R"(<safe><service mode="mirror"><heart pulse="1" timeout=")" + timeout +
          R"("><heartbeat name="default"/></heart>)" + inside + "</service></safe>",
      "userconfig.xml", nullptr, [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
  if (!parsed.value || !parsed.diagnostics.empty()) return std::nullopt;
  return parsed.value->heart.timeout;
}

// Kernel timers are late by up to two ticks of 4 ms; clocks differ by up to 3 %.
Duration margin_needed(Duration timeout) {
  return milliseconds{8} + timeout * 3 / 100;
}

TEST(Bounds, every_timeout_that_is_accepted_leaves_the_whole_margin) {
  int accepted = 0;
  for (const std::string& inside : {std::string{}, std::string{witness}}) {
    for (int timeout = 3; timeout <= 200; ++timeout) {
      const auto configured = accepted_timeout(std::to_string(timeout), inside);
      if (!configured) continue;
      ++accepted;
      core::Policy policy;
      policy.timeout = *configured;
      EXPECT_GE(policy.timeout - core::permit_lease(policy), margin_needed(policy.timeout)) << timeout;
      EXPECT_GT(core::permit_lease(policy), Duration::zero());
    }
  }
  EXPECT_EQ(accepted, (200 - 15) + (200 - 19));
}

TEST(Bounds, the_longest_timeout_that_is_accepted_is_a_lease_that_a_datagram_carries) {
  const auto longest = accepted_timeout("3600000", witness);
  ASSERT_TRUE(longest);
  EXPECT_EQ(*longest, hours{1});
  EXPECT_LE(*longest, wire::witness_lease_max);
  EXPECT_FALSE(accepted_timeout("3600001", witness));
  wire::WitnessHeader header;
  header.incarnation = Incarnation{1};
  core::WitnessRequest request;
  request.verb = core::WitnessVerb::vote;
  request.record.holder = request.from;
  request.lease = *longest;
  const auto key = wire::witness_key(wire::Key{1});
  const auto decoded = wire::decode_witness(wire::encode_witness(header, request, key), 0, key);
  ASSERT_TRUE(std::holds_alternative<wire::WitnessFrame>(decoded));
  EXPECT_EQ(std::get<core::WitnessRequest>(std::get<wire::WitnessFrame>(decoded).body).lease, *longest);
}

}  // namespace
}  // namespace clusteragent
