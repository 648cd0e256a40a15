#include "agent/wire/frame.hpp"

#include <gmock/gmock.h>

#include "agent/wire/report.hpp"

namespace clusteragent::wire {
namespace {

using testing::HasSubstr;

class FrameTest : public testing::Test {
 protected:
  Keys keys = Keys::derive(Key{1, 2, 3}, "mysql");
  std::uint64_t module = module_hash("mysql");
  Header header{
      .module_hash = module, .node = NodeId{1}, .path = PathId{2}, .incarnation = Incarnation{77}, .sequence = 9};

  static StatusFrame sample() {
    StatusFrame frame;
    frame.beat = 12;
    frame.heard_incarnation = Incarnation{5};
    frame.heard_age = std::chrono::milliseconds{3};
    frame.state = 3;
    frame.record_epoch = Epoch{8};
    frame.holds_vip = frame.is_probe = true;
    frame.paths = {{PathId{0}, true, std::chrono::milliseconds{4}, 250}};
    return frame;
  }
  std::optional<Flaw> flaw_of(const Bytes& bytes) const {
    const auto result = decode(bytes, module, keys);
    if (const auto* flaw = std::get_if<Flaw>(&result)) return *flaw;
    return std::nullopt;
  }
};

TEST_F(FrameTest, gives_back_what_was_encoded) {
  const auto result = decode(encode(header, sample(), keys), module, keys);
  const auto& decoded = std::get<Decoded>(result);
  EXPECT_EQ(decoded.header.incarnation, Incarnation{77});
  EXPECT_EQ(decoded.header.sequence, 9U);
  const auto& frame = std::get<StatusFrame>(*decoded.body);
  EXPECT_EQ(frame.beat, 12U);
  EXPECT_EQ(frame.heard_age, std::chrono::milliseconds{3});
  EXPECT_TRUE(frame.holds_vip && frame.is_probe);
  EXPECT_FALSE(frame.yields || frame.is_candidate || frame.runs_service);
  ASSERT_EQ(frame.paths.size(), 1U);
  EXPECT_EQ(frame.paths[0].loss_permille, 250);
}

TEST_F(FrameTest, is_refused_with_any_byte_changed) {
  const Bytes whole = encode(header, sample(), keys);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes damaged = whole;
    damaged[at] ^= 0x40;
    EXPECT_TRUE(flaw_of(damaged)) << "byte " << at;
  }
}

TEST_F(FrameTest, is_refused_at_every_length_but_its_own) {
  const Bytes whole = encode(header, sample(), keys);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(flaw_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)))) << length;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_TRUE(flaw_of(longer));
}

TEST_F(FrameTest, of_another_module_or_key_is_told_from_damage) {
  const Bytes whole = encode(header, sample(), keys);
  EXPECT_EQ(std::get<Flaw>(decode(whole, module_hash("mail"), keys)), Flaw::foreign_module);
  EXPECT_EQ(std::get<Flaw>(decode(whole, module, Keys::derive(Key{9}, "mysql"))), Flaw::bad_mac);
}

TEST_F(FrameTest, of_an_unknown_version_is_recognised_as_genuine) {
  header.version = 7;
  header.lowest = 6;
  header.highest = 9;
  const auto decoded = std::get<Decoded>(decode(encode(header, sample(), keys), module, keys));
  EXPECT_FALSE(decoded.body);
  EXPECT_EQ(decoded.header.lowest, 6);
}

TEST_F(FrameTest, with_impossible_numbers_is_malformed_though_genuine) {
  StatusFrame frame = sample();
  frame.state = 200;
  EXPECT_EQ(flaw_of(encode(header, frame, keys)), Flaw::malformed);
  frame = sample();
  frame.record_sync_set = 0;
  EXPECT_EQ(flaw_of(encode(header, frame, keys)), Flaw::malformed);
}

TEST_F(FrameTest, of_one_purpose_cannot_pass_as_one_of_another) {
  Bytes bytes = encode(header, ReleaseFrame{Epoch{4}}, keys);
  bytes[7] = static_cast<std::uint8_t>(FrameType::status);
  EXPECT_EQ(flaw_of(bytes), Flaw::bad_mac);
}

TEST(Version, is_the_highest_that_both_speak) {
  EXPECT_EQ(common_version(1, 1), 1);
  EXPECT_EQ(common_version(1, 5), 1);
  EXPECT_FALSE(common_version(2, 5));
}

TEST(ClusterKey, survives_its_file_form_and_names_what_is_wrong) {
  const Key key = generate_key();
  EXPECT_EQ(*parse_key(format_key(key), "k"), key);
  const auto bad = parse_key("not hex", "/etc/clusteragent/cluster.key");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("clusteragent keygen"));
}

TEST(Report, is_put_together_in_any_order_and_not_from_two_halves) {
  const std::string text(5000, 'x');
  auto pieces = *split_report(1, text);
  ReportAssembler assembler;
  std::optional<std::string> whole;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) whole = assembler.add(*piece);
  EXPECT_EQ(whole, text);
  auto later = *split_report(2, std::string(5000, 'y'));
  for (std::size_t at = 0; at + 1 < pieces.size(); ++at) EXPECT_FALSE(assembler.add(pieces[at]));
  EXPECT_FALSE(assembler.add(later.back()));
  EXPECT_FALSE(split_report(3, std::string(report_bytes_max + 1, 'z')));
}

}  // namespace
}  // namespace clusteragent::wire
