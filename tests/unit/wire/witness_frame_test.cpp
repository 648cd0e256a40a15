#include "agent/wire/witness_frame.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

core::Record sample_record() {
  return {Epoch{0x0102}, Revision{3}, NodeId{1}, core::NodeSet::only(NodeId{1})};
}

class WitnessFrameTest : public testing::Test {
 protected:
  Key cluster{1, 2, 3};
  Key key = witness_key(cluster);
  std::uint64_t id = key_id(cluster);
  WitnessHeader header{id, module_hash("mysql"), NodeId{1}, Incarnation{77}, 9, 1001};
  core::WitnessRequest request{core::WitnessVerb::vote, NodeId{1}, sample_record(), std::chrono::seconds{4}, true};
  core::WitnessAnswer answer{false, core::Refusal::promised, sample_record(), std::chrono::seconds{2}};

  std::optional<WitnessFlaw> flaw_of(const Bytes& bytes) const {
    const auto result = decode_witness(bytes, id, key);
    if (const auto* flaw = std::get_if<WitnessFlaw>(&result)) return *flaw;
    return std::nullopt;
  }
  std::optional<WitnessFlaw> flaw_of(const WitnessBody& body) const {
    return flaw_of(encode_witness(header, body, key));
  }
  Bytes signed_again(Bytes bytes) const {
    bytes.resize(bytes.size() - mac_bytes);
    const Mac mac = authenticate(key, bytes);
    bytes.insert(bytes.end(), mac.begin(), mac.end());
    return bytes;
  }
};

TEST_F(WitnessFrameTest, gives_back_every_field) {
  for (const WitnessBody& body : {WitnessBody{request}, WitnessBody{answer}, WitnessBody{ProveYourself{}}}) {
    const auto decoded = decode_witness(encode_witness(header, body, key), id, key);
    const auto* frame = std::get_if<WitnessFrame>(&decoded);
    ASSERT_NE(frame, nullptr) << body.index();
    EXPECT_EQ(frame->header, header);
    EXPECT_EQ(frame->body, body) << body.index();
  }
}

TEST_F(WitnessFrameTest, is_refused_with_any_bit_changed) {
  for (const WitnessBody& body : {WitnessBody{request}, WitnessBody{answer}, WitnessBody{ProveYourself{}}}) {
    const Bytes whole = encode_witness(header, body, key);
    for (std::size_t at = 0; at < whole.size() * 8; ++at) {
      Bytes damaged = whole;
      damaged[at / 8] ^= static_cast<std::uint8_t>(1U << (at % 8));
      EXPECT_TRUE(flaw_of(damaged)) << "bit " << at;
    }
  }
}

TEST_F(WitnessFrameTest, is_malformed_at_every_length_but_its_own_although_genuine) {
  for (const WitnessBody& body : {WitnessBody{request}, WitnessBody{answer}, WitnessBody{ProveYourself{}}}) {
    const Bytes whole = encode_witness(header, body, key);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_TRUE(flaw_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)))) << length;
    }
    for (std::size_t length = mac_bytes; length <= whole.size() + 2; ++length) {
      Bytes other = whole;
      other.resize(length);
      EXPECT_EQ(flaw_of(signed_again(other)).has_value(), length != whole.size()) << length;
    }
  }
}

TEST_F(WitnessFrameTest, of_another_cluster_is_told_from_a_forgery) {
  const Bytes whole = encode_witness(header, request, key);
  EXPECT_EQ(key_id_of(whole), id);
  EXPECT_NE(key_id(Key{9}), id);
  EXPECT_EQ(std::get<WitnessFlaw>(decode_witness(whole, id + 1, key)), WitnessFlaw::foreign_key);
  EXPECT_EQ(std::get<WitnessFlaw>(decode_witness(whole, id, witness_key(Key{9}))), WitnessFlaw::bad_mac);
}

TEST_F(WitnessFrameTest, of_another_version_is_recognised_as_genuine) {
  Bytes bytes = encode_witness(header, request, key);
  bytes[4] = witness_version + 1;
  EXPECT_EQ(flaw_of(bytes), WitnessFlaw::bad_mac);
  EXPECT_EQ(flaw_of(signed_again(bytes)), WitnessFlaw::other_version);
}

TEST_F(WitnessFrameTest, with_impossible_numbers_is_malformed_though_genuine) {
  const auto spoilt = [this](auto body, auto change) {
    change(body);
    return flaw_of(body);
  };
  using core::WitnessAnswer;
  using core::WitnessRequest;
  EXPECT_EQ(flaw_of(request), std::nullopt);
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.verb = static_cast<core::WitnessVerb>(4); }));
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.record.holder = NodeId{2}; }));
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.record.sync_set.bits = 0; }));
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.record.sync_set.bits = 4; }));
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.lease = Duration{-1}; }));
  EXPECT_TRUE(spoilt(request, [](WitnessRequest& one) { one.lease = witness_lease_max + Duration{1}; }));
  EXPECT_EQ(flaw_of(answer), std::nullopt);
  EXPECT_TRUE(spoilt(answer, [](WitnessAnswer& one) { one.refusal = static_cast<core::Refusal>(7); }));
  EXPECT_TRUE(spoilt(answer, [](WitnessAnswer& one) { one.retry_after = Duration{-1}; }));
  EXPECT_TRUE(spoilt(answer, [](WitnessAnswer& one) { one.retry_after = witness_retry_max + Duration{1}; }));
  EXPECT_TRUE(spoilt(answer, [](WitnessAnswer& one) { one.refusal = core::Refusal::voted; })) << "a time without use";
  header.node = NodeId{2};
  EXPECT_TRUE(flaw_of(request));
  header.node = NodeId{1};
  header.incarnation = Incarnation{};
  EXPECT_TRUE(flaw_of(request));
}

TEST_F(WitnessFrameTest, of_an_unknown_type_or_flag_is_malformed_though_genuine) {
  Bytes bytes = encode_witness(header, request, key);
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{255}}) {
    bytes[5] = type;
    EXPECT_EQ(flaw_of(signed_again(bytes)), WitnessFlaw::malformed) << int{type};
  }
  bytes = encode_witness(header, request, key);
  ASSERT_EQ(bytes[48], 1) << "forced";
  bytes[48] = 2;
  EXPECT_EQ(flaw_of(signed_again(bytes)), WitnessFlaw::malformed);
}

TEST_F(WitnessFrameTest, that_answers_is_never_longer_than_the_question) {
  const std::size_t question = encode_witness(header, request, key).size();
  EXPECT_EQ(question, witness_frame_bytes_max);
  EXPECT_LE(encode_witness(header, answer, key).size(), question);
  EXPECT_LE(encode_witness(header, ProveYourself{}, key).size(), question);
}

// Worked out with Python's hashlib and hmac after docs/witness.md, which shows the same bytes. If this test fails, the
// format has changed: raise the version.
TEST_F(WitnessFrameTest, has_the_bytes_that_the_written_format_shows) {
  const Key example{1};
  const WitnessHeader asked{key_id(example), module_hash("fuzz"), NodeId{0}, Incarnation{77}, 5, 9};
  const core::Record record{Epoch{258}, Revision{3}, NodeId{0}, core::NodeSet::both()};
  const core::WitnessRequest vote{core::WitnessVerb::vote, NodeId{0}, record, std::chrono::seconds{4}, false};
  std::string text;
  for (const std::uint8_t byte : encode_witness(asked, vote, witness_key(example))) text += fmt::format("{:02x}", byte);
  EXPECT_EQ(text,
            "434c41570101"                          // magic, version, type
            "827cca114fd6b03a"                      // key id
            "93850b707585e404"                      // module
            "00"                                    // node
            "000000000000004d"                      // incarnation
            "0000000000000005"                      // question
            "0000000000000009"                      // challenge
            "0200"                                  // body: vote, not forced
            "000000000000010200000000000000030003"  // record: epoch, revision, holder, sync set
            "00000000ee6b2800"                      // lease
            "aae129cfac244df4c6f3319ae180660a");    // authentication code
}

}  // namespace
}  // namespace clusteragent::wire
