#include "agent/vip/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "agent/vip/wire_tap.hpp"

namespace clusteragent::vip {
namespace {

using boost::asio::ip::make_address;
using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

const Mac own{0x02, 0x00, 0x5e, 0x10, 0x20, 0x30};
const IpAddress virtual4 = make_address("192.0.2.7");
const IpAddress virtual6 = make_address("2001:db8::7");

TEST(ArpFrames, request_names_the_address_as_sender_and_target_to_everybody) {
  const Frame frame = gratuitous_request(own, virtual4.to_v4());
  const Frame expected{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x5e, 0x10, 0x20, 0x30, 0x08, 0x06,  //
                       0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01,                                      //
                       0x02, 0x00, 0x5e, 0x10, 0x20, 0x30, 192,  0,    2,    7,                             //
                       0,    0,    0,    0,    0,    0,    192,  0,    2,    7};
  EXPECT_EQ(frame, expected);
}

TEST(ArpFrames, reply_carries_the_own_mac_on_both_sides) {
  const Frame frame = gratuitous_reply(own, virtual4.to_v4());
  EXPECT_EQ(frame.at(21), 2);
  EXPECT_TRUE(std::equal(own.begin(), own.end(), frame.begin() + 22));
  EXPECT_TRUE(std::equal(own.begin(), own.end(), frame.begin() + 32));
}

TEST(ArpFrames, announcement_is_a_claim_and_a_probe_is_none) {
  for (const Frame& frame : {gratuitous_request(own, virtual4.to_v4()), gratuitous_reply(own, virtual4.to_v4())}) {
    const auto claim = parse_claim(frame);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->address, virtual4);
    EXPECT_EQ(claim->mac, own);
  }
  EXPECT_FALSE(parse_claim(ownership_probe(own, virtual4)));
}

std::uint16_t folded_sum(std::span<const std::uint8_t> packet) {
  const std::size_t length = packet.size() - 40;
  std::uint32_t sum = static_cast<std::uint32_t>(length) + 58;
  for (std::size_t at = 8; at + 1 < packet.size(); at += 2) {
    sum += static_cast<std::uint32_t>((packet[at] << 8) | packet[at + 1]);
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(DiscoveryFrames, checksum_holds) {
  for (const Frame& frame : {unsolicited_advertisement(own, virtual6.to_v6(), false), ownership_probe(own, virtual6)}) {
    EXPECT_EQ(folded_sum(std::span{frame}.subspan(14)), 0xffff);
  }
}

TEST(DiscoveryFrames, advertisement_overrides_and_tells_routers_apart) {
  const Frame host = unsolicited_advertisement(own, virtual6.to_v6(), false);
  const Frame router = unsolicited_advertisement(own, virtual6.to_v6(), true);
  constexpr std::size_t flags = 14 + 40 + 4;
  EXPECT_EQ(host.at(flags), 0x20);
  EXPECT_EQ(router.at(flags), 0xa0);
  EXPECT_EQ(host.at(14 + 7), 255) << "RFC 4861 demands hop limit 255";
}

TEST(DiscoveryFrames, probe_goes_to_the_solicited_node_group) {
  const Frame frame = ownership_probe(own, make_address("2001:db8::12:3456"));
  const Mac group{0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
  EXPECT_TRUE(std::equal(group.begin(), group.end(), frame.begin()));
  EXPECT_FALSE(parse_claim(frame));
}

TEST(DiscoveryFrames, advertisement_is_a_claim_by_the_option_or_else_by_the_sender) {
  Frame frame = unsolicited_advertisement(own, virtual6.to_v6(), false);
  const Mac other{2, 2, 2, 2, 2, 2};
  std::copy(other.begin(), other.end(), frame.begin() + 6);
  ASSERT_TRUE(parse_claim(frame));
  EXPECT_EQ(parse_claim(frame)->mac, own);
  frame.resize(frame.size() - 8);
  ASSERT_TRUE(parse_claim(frame));
  EXPECT_EQ(parse_claim(frame)->mac, other);
  EXPECT_EQ(parse_claim(frame)->address, virtual6);
}

TEST(Claims, every_truncation_is_survived) {
  for (const Frame& whole : {gratuitous_reply(own, virtual4.to_v4()),
                             unsolicited_advertisement(own, virtual6.to_v6(), true), ownership_probe(own, virtual6)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Frame part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto claim = parse_claim(part);
      EXPECT_TRUE(!claim || size >= 14 + 40 + 24) << size;
    }
  }
}

TEST(Claims, other_protocols_and_routed_advertisements_claim_nothing) {
  Frame arp = gratuitous_reply(own, virtual4.to_v4());
  arp.at(14 + 4) = 8;  // no Ethernet addresses
  EXPECT_FALSE(parse_claim(arp));
  Frame advertisement = unsolicited_advertisement(own, virtual6.to_v6(), false);
  advertisement.at(14 + 7) = 254;
  EXPECT_FALSE(parse_claim(advertisement));
}

class ClaimFilter : public testing::Test {
 protected:
  bool passes(const Frame& frame) {
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> dead{pcap_open_dead(DLT_EN10MB, 256), &pcap_close};
    bpf_program program{};
    const std::string filter = claim_filter({virtual4, virtual6, make_address("192.0.2.8")});
    EXPECT_EQ(pcap_compile(dead.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN), 0) << filter;
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    const bool passed = pcap_offline_filter(&program, &header, frame.data()) != 0;
    pcap_freecode(&program);
    return passed;
  }
};

TEST_F(ClaimFilter, lets_claims_to_our_addresses_pass_and_nothing_else) {
  EXPECT_TRUE(passes(gratuitous_request(own, virtual4.to_v4())));
  EXPECT_TRUE(passes(gratuitous_reply(own, make_address_v4("192.0.2.8"))));
  EXPECT_TRUE(passes(unsolicited_advertisement(own, virtual6.to_v6(), false)));
  EXPECT_FALSE(passes(gratuitous_reply(own, make_address_v4("192.0.2.9"))));
  EXPECT_FALSE(passes(ownership_probe(own, virtual6)));
}

TEST_F(ClaimFilter, lets_words_of_a_cluster_pass_and_no_other_question) {
  const std::vector<std::uint8_t> word{'C', 'L', 'A', 'L', 1, 0};
  const std::vector<std::uint8_t> padding(18, 0);
  for (const IpAddress& address : {virtual4, virtual6}) {
    EXPECT_TRUE(passes(spoken_probe(own, address, word))) << address;
    EXPECT_FALSE(passes(spoken_probe(own, address, padding))) << address;
    EXPECT_FALSE(passes(ownership_probe(own, address))) << address;
  }
}

TEST(SpokenProbe, is_a_probe_that_kernels_know_with_a_trailer_behind_it) {
  const std::vector<std::uint8_t> word{'C', 'L', 'A', 'L', 1, 0};
  for (const IpAddress& address : {virtual4, virtual6}) {
    const Frame bare = ownership_probe(own, address);
    const Frame spoken = spoken_probe(own, address, word);
    ASSERT_EQ(spoken.size(), bare.size() + word.size());
    EXPECT_TRUE(std::equal(bare.begin() + 6, bare.end(), spoken.begin() + 6)) << address;
    const auto parsed = parse_spoken_probe(spoken);
    ASSERT_TRUE(parsed) << address;
    EXPECT_EQ(parsed->address, address);
    EXPECT_TRUE(std::equal(word.begin(), word.end(), parsed->trailer.begin(), parsed->trailer.end()));
    EXPECT_FALSE(parse_claim(spoken)) << "it claims nothing";
    for (std::size_t size = 0; size < bare.size(); ++size)
      EXPECT_FALSE(parse_spoken_probe(std::span{bare}.first(size)));
  }
  EXPECT_EQ(spoken_probe(own, virtual6, word).at(5), 1) << "to all nodes: the peer has not joined the address's group";
}

TEST(SpokenProbe, is_no_announcement) {
  EXPECT_FALSE(parse_spoken_probe(gratuitous_request(own, virtual4.to_v4())));
  EXPECT_FALSE(parse_spoken_probe(gratuitous_reply(own, virtual4.to_v4())));
  EXPECT_FALSE(parse_spoken_probe(unsolicited_advertisement(own, virtual6.to_v6(), false)));
}

TEST(MacText, is_the_usual_one) {
  EXPECT_EQ(to_text(own), "02:00:5e:10:20:30");
}

}  // namespace
}  // namespace clusteragent::vip
