#include "agent/wire/frame.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/wire/samples.hpp"

namespace clusteragent::wire {
namespace {

class FrameTest : public testing::Test {
 protected:
  Keys keys = Keys::derive(Key{1, 2, 3}, "mysql");
  std::uint64_t module = module_hash("mysql");
  Header header = sample_header(module);

  std::optional<Flaw> flaw_of(const Bytes& bytes) const {
    const auto result = decode(bytes, module, keys);
    if (const auto* flaw = std::get_if<Flaw>(&result)) return *flaw;
    return std::nullopt;
  }
  Bytes signed_again(Bytes bytes) const {
    bytes.resize(bytes.size() - mac_bytes);
    const Mac mac = authenticate(keys.of(static_cast<FrameType>(bytes[7])), bytes);
    bytes.insert(bytes.end(), mac.begin(), mac.end());
    return bytes;
  }
  // A status frame with one number spoilt by `change`, and genuine all the same.
  template <typename Change>
  std::optional<Flaw> flaw_after(Change change) const {
    StatusFrame frame = sample_status();
    change(frame);
    return flaw_of(encode(header, frame, keys));
  }
};

TEST_F(FrameTest, gives_back_every_field_of_the_header) {
  const auto decoded = std::get<Decoded>(decode(encode(header, sample_status(), keys), module, keys));
  EXPECT_EQ(decoded.header.version, 1);
  EXPECT_EQ(decoded.header.speaks, own_versions);
  EXPECT_EQ(decoded.header.type, FrameType::status);
  EXPECT_EQ(decoded.header.node, NodeId{1});
  EXPECT_EQ(decoded.header.path, PathId{2});
  EXPECT_EQ(decoded.header.incarnation, Incarnation{77});
  EXPECT_EQ(decoded.header.sequence, 9U);
  EXPECT_EQ(decoded.header.challenge, 1001U);
  EXPECT_EQ(decoded.header.echo, 2002U);
}

TEST_F(FrameTest, gives_back_every_body) {
  header.version = own_versions.highest;
  const std::array<Body, 3> bodies{sample_status(), ReleaseFrame{Epoch{4}},
                                   ReportFrame{6, 1, 3, "{\"state\":\"ALONE\"}"}};
  for (const Body& body : bodies) {
    const auto decoded = std::get<Decoded>(decode(encode(header, body, keys), module, keys));
    ASSERT_TRUE(decoded.body);
    EXPECT_EQ(*decoded.body, body) << body.index();
  }
}

TEST_F(FrameTest, is_refused_with_any_bit_changed) {
  const Bytes whole = encode(header, sample_status(), keys);
  for (std::size_t at = 0; at < whole.size() * 8; ++at) {
    Bytes damaged = whole;
    damaged[at / 8] ^= static_cast<std::uint8_t>(1U << (at % 8));
    EXPECT_TRUE(flaw_of(damaged)) << "bit " << at;
  }
}

TEST_F(FrameTest, is_refused_at_every_length_but_its_own) {
  for (const Body& body : {Body{sample_status()}, Body{ReleaseFrame{}}, Body{ReportFrame{1, 0, 1, "x"}}}) {
    const Bytes whole = encode(header, body, keys);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_TRUE(flaw_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)))) << length;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_TRUE(flaw_of(longer));
  }
}

// What only a genuine but faulty peer could send: the signature is right at every length of the body.
TEST_F(FrameTest, is_malformed_when_a_genuine_body_is_cut_or_drawn_out) {
  const Bytes whole = encode(header, sample_status(), keys);
  for (std::size_t body = 0; header_bytes + body + mac_bytes <= whole.size() + 4; ++body) {
    Bytes other = whole;
    other.resize(header_bytes + body + mac_bytes);
    other[18] = static_cast<std::uint8_t>(body >> 8);
    other[19] = static_cast<std::uint8_t>(body);
    const auto flaw = flaw_of(signed_again(other));
    if (other.size() == whole.size()) {
      EXPECT_FALSE(flaw);
    } else {
      EXPECT_EQ(flaw, Flaw::malformed) << body;
    }
  }
}

TEST_F(FrameTest, of_another_module_or_key_is_told_from_damage) {
  const Bytes whole = encode(header, sample_status(), keys);
  EXPECT_EQ(std::get<Flaw>(decode(whole, module_hash("mail"), keys)), Flaw::foreign_module);
  EXPECT_EQ(std::get<Flaw>(decode(whole, module, Keys::derive(Key{9}, "mysql"))), Flaw::bad_mac);
  EXPECT_EQ(flaw_of(Bytes(200, 0x55)), Flaw::malformed);
}

TEST_F(FrameTest, of_an_unknown_version_is_recognised_as_genuine_whatever_its_type) {
  header.version = 7;
  header.speaks = {6, 9};
  Bytes bytes = encode(header, sample_status(), keys);
  bytes[7] = 200;
  const auto decoded = std::get<Decoded>(decode(signed_again(bytes), module, keys));
  EXPECT_FALSE(decoded.body);
  EXPECT_EQ(decoded.header.speaks, (VersionRange{6, 9}));
  bytes[5] = 8;  // claims not to speak the version that it speaks
  EXPECT_EQ(flaw_of(signed_again(bytes)), Flaw::malformed);
}

TEST_F(FrameTest, of_an_unknown_type_in_our_version_is_malformed) {
  Bytes bytes = encode(header, sample_status(), keys);
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{255}}) {
    bytes[7] = type;
    EXPECT_EQ(flaw_of(signed_again(bytes)), Flaw::malformed) << int{type};
  }
}

TEST_F(FrameTest, with_impossible_numbers_is_malformed_though_genuine) {
  header.version = own_versions.highest;
  EXPECT_FALSE(flaw_after([](StatusFrame&) {}));
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.state = state_max + 1; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.activity = activity_max + 1; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.blocked = blocked_max + 1; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.record_holder = NodeId{2}; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.record_sync_set = 0; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.record_sync_set = 4; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.proposal_sync_set = 0; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.proposal_epoch = Epoch{0}; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.proposal_sync_set = 4; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.heard_age = Duration{-1}; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.echo_held = Duration{-1}; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) { frame.sent_at = -1; }), Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) {
              frame.paths.add({PathId{1}, true, Duration{-1}, 0});
            }),
            Flaw::malformed);
  EXPECT_EQ(flaw_after([](StatusFrame& frame) {
              frame.paths.add({PathId{1}, true, Duration{}, 1001});
            }),
            Flaw::malformed);
}

TEST_F(FrameTest, of_a_node_that_a_module_does_not_have_is_malformed) {
  header.node = NodeId{2};
  EXPECT_EQ(flaw_of(encode(header, sample_status(), keys)), Flaw::malformed);
}

TEST_F(FrameTest, with_a_piece_outside_its_report_is_malformed) {
  EXPECT_EQ(flaw_of(encode(header, ReportFrame{1, 2, 2, "x"}, keys)), Flaw::malformed);
  EXPECT_EQ(flaw_of(encode(header, ReportFrame{1, 0, pieces_max + 1, "x"}, keys)), Flaw::malformed);
  EXPECT_EQ(flaw_of(encode(header, ReportFrame{1, 0, 1, ""}, keys)), Flaw::malformed);
}

TEST_F(FrameTest, of_one_purpose_cannot_pass_as_one_of_another) {
  Bytes bytes = encode(header, ReleaseFrame{Epoch{4}}, keys);
  bytes[7] = static_cast<std::uint8_t>(FrameType::status);
  EXPECT_EQ(flaw_of(bytes), Flaw::bad_mac);
}

TEST_F(FrameTest, with_all_that_it_may_hold_fits_a_datagram) {
  StatusFrame frame = sample_status();
  while (frame.paths.size() < paths_max) frame.paths.add({PathId{3}, true, Duration{1}, 2});
  EXPECT_FALSE(flaw_of(encode(header, frame, keys)));
  const ReportFrame piece{1, 0, 1, std::string(report_piece_bytes, 'x')};
  const Bytes bytes = encode(header, piece, keys);
  EXPECT_LE(bytes.size(), frame_bytes_max);
  EXPECT_FALSE(flaw_of(bytes));
}

// Worked out with Python's hashlib and hmac after docs/wire-format.md, which shows the same bytes. If this test fails,
// the format has changed: raise the version.
TEST_F(FrameTest, has_the_bytes_that_the_written_format_shows) {
  std::string text;
  for (const std::uint8_t byte : encode(header, ReleaseFrame{Epoch{0x0102}}, keys)) text += fmt::format("{:02x}", byte);
  EXPECT_EQ(text,
            "434c414701010202"                    // magic, version, versions, type
            "430005175c4c7810"                    // module
            "01020008"                            // node, path, length of the body
            "000000000000004d"                    // incarnation
            "0000000000000009"                    // sequence
            "00000000000003e9"                    // challenge
            "00000000000007d2"                    // echo
            "0000000000000102"                    // body: epoch
            "8814dcadfaedb0ee134dda917af157e6");  // authentication code
}

}  // namespace
}  // namespace clusteragent::wire
