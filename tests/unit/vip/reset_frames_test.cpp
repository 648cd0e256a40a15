#include "agent/vip/reset_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clusteragent::vip {
namespace {

using boost::asio::ip::make_address;

const Mac own{0x02, 0, 0, 0, 0, 0x01};
const Mac sender{0x02, 0, 0, 0, 0, 0x99};
constexpr std::uint8_t fin = 0x01;
constexpr std::uint8_t syn = 0x02;
constexpr std::uint8_t rst = 0x04;
constexpr std::uint8_t push = 0x08;
constexpr std::uint8_t ack = 0x10;
constexpr std::size_t ip = 14;

void add(Frame& frame, const Frame& bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

Frame u32(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16 & 0xff),
          static_cast<std::uint8_t>(value >> 8 & 0xff), static_cast<std::uint8_t>(value & 0xff)};
}

std::uint32_t u32_at(const Frame& frame, std::size_t at) {
  return (std::uint32_t{frame.at(at)} << 24) | (std::uint32_t{frame.at(at + 1)} << 16) |
         (std::uint32_t{frame.at(at + 2)} << 8) | frame.at(at + 3);
}

/// Port 40000 to 3306.
struct Segment {
  std::string from = "192.0.2.99";
  std::string to = "192.0.2.7";
  std::uint8_t flags = syn;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 0;
  std::size_t options = 20;
  std::size_t data = 0;
};

Frame frame_of(const Segment& segment) {
  const auto from = make_address(segment.from);
  const std::size_t bytes = 20 + segment.options + segment.data;
  Frame frame;
  add(frame, {own.begin(), own.end()});
  add(frame, {sender.begin(), sender.end()});
  const auto high = [](std::size_t value) { return static_cast<std::uint8_t>(value >> 8); };
  const auto low = [](std::size_t value) { return static_cast<std::uint8_t>(value & 0xff); };
  if (from.is_v4()) {
    add(frame, {0x08, 0x00, 0x45, 0, high(20 + bytes), low(20 + bytes), 1, 2, 0x40, 0, 64, 6, 0, 0});
  } else {
    add(frame, {0x86, 0xdd, 0x60, 0, 0, 0, high(bytes), low(bytes), 6, 64});
  }
  add(frame, octets_of(from));
  add(frame, octets_of(make_address(segment.to)));
  add(frame, {0x9c, 0x40, 0x0c, 0xea});
  add(frame, u32(segment.sequence));
  add(frame, u32(segment.acknowledgement));
  add(frame, {static_cast<std::uint8_t>((20 + segment.options) / 4 << 4), segment.flags, 0xff, 0xff, 0, 0, 0, 0});
  frame.resize(frame.size() + segment.options + segment.data);
  return frame;
}

const std::vector<IpAddress> given_up{make_address("192.0.2.7"), make_address("2001:db8::7")};

std::optional<Frame> answer_to(const Frame& frame) {
  return reset_answer(frame, given_up);
}

std::uint16_t folded(std::uint32_t sum, std::span<const std::uint8_t> bytes) {
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2)
    sum += static_cast<std::uint32_t>((bytes[at] << 8) | bytes[at + 1]);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(ResetAnswer, syn_is_refused_as_a_closed_port_does) {
  const auto answer = answer_to(frame_of({}));
  ASSERT_TRUE(answer);
  const Frame expected{0x02,
                       0,
                       0,
                       0,
                       0,
                       0x99,
                       0x02,
                       0,
                       0,
                       0,
                       0,
                       0x01,
                       0x08,
                       0x00,  // back to the sender
                       0x45,
                       0,
                       0,
                       40,
                       0,
                       0,
                       0x40,
                       0,
                       64,
                       6,
                       0xb6,
                       0x65,  // IPv4
                       192,
                       0,
                       2,
                       7,
                       192,
                       0,
                       2,
                       99,  //
                       0x0c,
                       0xea,
                       0x9c,
                       0x40,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0x03,
                       0xe9,  // ports, 0, 1001
                       0x50,
                       0x14,
                       0,
                       0,
                       answer->at(50),
                       answer->at(51),
                       0,
                       0};  // RST, ACK
  EXPECT_EQ(*answer, expected);
}

TEST(ResetAnswer, segment_of_a_connection_is_answered_with_the_number_it_expects) {
  const auto answer = answer_to(
      frame_of({.flags = push | ack, .sequence = 5000, .acknowledgement = 0xfedcba98, .options = 12, .data = 60}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(u32_at(*answer, ip + 20 + 4), 0xfedcba98);
  EXPECT_EQ(u32_at(*answer, ip + 20 + 8), 0U);
  EXPECT_EQ(answer->at(ip + 20 + 13), rst);
}

TEST(ResetAnswer, what_a_segment_without_acknowledgement_took_of_the_sequence_is_acknowledged) {
  const auto acknowledged = [](const Segment& segment) {
    const auto answer = answer_to(frame_of(segment));
    return answer ? u32_at(*answer, ip + 20 + 8) : 0;
  };
  EXPECT_EQ(acknowledged({.flags = syn, .sequence = 0xffffffff}), 0U) << "it wraps";
  EXPECT_EQ(acknowledged({.flags = push, .sequence = 1000, .data = 60}), 1060U);
  EXPECT_EQ(acknowledged({.flags = syn | fin, .sequence = 1000, .data = 60}), 1062U);
}

TEST(ResetAnswer, checksums_hold) {
  for (const Segment& segment : {Segment{}, Segment{.flags = ack, .acknowledgement = 0x89abcdef},
                                 Segment{.from = "2001:db8::99", .to = "2001:db8::7"}}) {
    const auto answer = answer_to(frame_of(segment));
    ASSERT_TRUE(answer);
    const bool is_v4 = make_address(segment.from).is_v4();
    const std::span<const std::uint8_t> packet = std::span{*answer}.subspan(ip);
    EXPECT_EQ(is_v4 ? folded(0, packet.first(20)) : 0xffff, 0xffff);
    EXPECT_EQ(folded(6 + 20, packet.subspan(is_v4 ? 12 : 8)), 0xffff);
  }
}

TEST(ResetAnswer, ipv6_is_answered_the_same_way) {
  const auto answer = answer_to(frame_of({.from = "2001:db8::99", .to = "2001:db8::7"}));
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->size(), ip + 40 + 20);
  const Frame head{0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64};
  EXPECT_TRUE(std::equal(head.begin(), head.end(), answer->begin() + 12));
  EXPECT_EQ(u32_at(*answer, ip + 40 + 8), 1001U);
  EXPECT_EQ(answer->at(ip + 40 + 13), rst | ack);
}

TEST(ResetAnswer, reset_is_never_answered) {
  EXPECT_FALSE(answer_to(frame_of({.flags = rst})));
  EXPECT_FALSE(answer_to(frame_of({.flags = rst | ack})));
}

TEST(ResetAnswer, only_what_was_given_up_is_answered_for) {
  EXPECT_FALSE(answer_to(frame_of({.to = "192.0.2.8"})));
  EXPECT_FALSE(answer_to(frame_of({.from = "2001:db8::99", .to = "2001:db8::8"})));
  EXPECT_FALSE(answer_to(frame_of({.from = "192.0.2.7"}))) << "an address to itself";
}

TEST(ResetAnswer, senders_that_are_no_single_machine_are_not_answered) {
  for (const char* from : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"}) {
    const bool is_v4 = make_address(from).is_v4();
    EXPECT_FALSE(answer_to(frame_of({.from = from, .to = is_v4 ? "192.0.2.7" : "2001:db8::7"}))) << from;
  }
  for (const std::size_t octet : {std::size_t{0}, std::size_t{6}}) {
    Frame frame = frame_of({});
    frame.at(octet) |= 1;
    EXPECT_FALSE(answer_to(frame)) << "a group's MAC at " << octet;
  }
}

TEST(ResetAnswer, fragments_other_protocols_and_damaged_frames_are_not_answered) {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    Frame frame = frame_of({});
    frame.at(at) = value;
    return answer_to(frame);
  };
  EXPECT_TRUE(changed(ip + 6, 0)) << "may be fragmented and was not";
  EXPECT_FALSE(changed(ip + 6, 0x20)) << "more fragments";
  EXPECT_FALSE(changed(ip + 7, 1)) << "not the first fragment";
  EXPECT_FALSE(changed(ip + 9, 17)) << "UDP";
  EXPECT_FALSE(changed(ip, 0x44)) << "a header of 16 bytes";
  EXPECT_FALSE(changed(ip, 0x65)) << "another version";
  EXPECT_FALSE(changed(ip + 3, 39)) << "shorter than its headers";
  EXPECT_FALSE(changed(ip + 20 + 12, 0x40)) << "a TCP header of 16 bytes";
  EXPECT_FALSE(changed(ip + 20 + 12, 0xf0)) << "options longer than the packet";
  EXPECT_FALSE(changed(13, 6)) << "ARP";
  for (const bool is_v4 : {true, false}) {
    const Frame whole = is_v4 ? frame_of({}) : frame_of({.from = "2001:db8::99", .to = "2001:db8::7"});
    const std::size_t needed = ip + (is_v4 ? 20 : 40) + 20;
    for (std::size_t size = 0; size < needed; ++size) {
      EXPECT_FALSE(reset_answer(std::span{whole}.first(size), given_up)) << size;
    }
    EXPECT_TRUE(reset_answer(std::span{whole}.first(needed), given_up)) << "the rest is not needed";
  }
}

}  // namespace
}  // namespace clusteragent::vip
