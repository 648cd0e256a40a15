#include "agent/vip/interface_table.hpp"

#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <array>
#include <cstddef>

namespace clusteragent::vip {
namespace {

using boost::asio::ip::make_address;

constexpr unsigned lower_up = 0x10000;
constexpr unsigned running = IFF_UP | IFF_RUNNING | lower_up;

/// Speaks as the kernel does.
class InterfaceTableTest : public testing::Test {
 protected:
  void link(std::uint16_t type, int index, const char* name, unsigned flags, unsigned char family = AF_UNSPEC) {
    nlmsghdr* header = begin(type);
    auto* info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    info->ifi_index = index;
    info->ifi_flags = flags;
    info->ifi_type = ARPHRD_ETHER;
    info->ifi_family = family;
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    const Mac mac{2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)};
    mnl_attr_put(header, IFLA_ADDRESS, mac.size(), mac.data());
    table_.apply(*header);
  }

  void address(std::uint16_t type, unsigned index, const char* text, std::uint8_t prefix) {
    const IpAddress value = make_address(text);
    nlmsghdr* header = begin(type);
    auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
    info->ifa_index = index;
    info->ifa_family = value.is_v4() ? AF_INET : AF_INET6;
    info->ifa_prefixlen = prefix;
    if (value.is_v4()) {
      mnl_attr_put(header, IFA_LOCAL, 4, value.to_v4().to_bytes().data());
    } else {
      mnl_attr_put(header, IFA_ADDRESS, 16, value.to_v6().to_bytes().data());
    }
    table_.apply(*header);
  }

  nlmsghdr* begin(std::uint16_t type) {
    buffer_.fill(std::byte{0});
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
    header->nlmsg_type = type;
    return header;
  }

  alignas(nlmsghdr) std::array<std::byte, 512> buffer_{};
  InterfaceTable table_;
};

TEST_F(InterfaceTableTest, knows_a_link_only_with_carrier_and_administratively_up) {
  link(RTM_NEWLINK, 2, "eth0", running);
  EXPECT_TRUE(table_.find("eth0")->has_link);
  for (const unsigned missing : {unsigned{IFF_UP}, unsigned{IFF_RUNNING}, lower_up}) {
    link(RTM_NEWLINK, 2, "eth0", running & ~missing);
    EXPECT_FALSE(table_.find("eth0")->has_link) << missing;
  }
}

TEST_F(InterfaceTableTest, bridge_port_news_do_not_remove_the_link) {
  link(RTM_NEWLINK, 2, "eth0", running);
  link(RTM_DELLINK, 2, "eth0", running, AF_BRIDGE);
  EXPECT_NE(table_.find("eth0"), nullptr);
  link(RTM_DELLINK, 2, "eth0", running);
  EXPECT_EQ(table_.find("eth0"), nullptr);
}

TEST_F(InterfaceTableTest, removing_a_link_takes_its_addresses_along) {
  link(RTM_NEWLINK, 2, "eth0", running);
  address(RTM_NEWADDR, 2, "192.0.2.1", 24);
  link(RTM_DELLINK, 2, "eth0", 0);
  link(RTM_NEWLINK, 3, "eth0", running);
  EXPECT_FALSE(table_.locate(make_address("192.0.2.7"), "", std::nullopt));
}

TEST_F(InterfaceTableTest, finds_the_interface_of_the_narrowest_network) {
  link(RTM_NEWLINK, 1, "lo", running | IFF_LOOPBACK);
  link(RTM_NEWLINK, 2, "wide", running);
  link(RTM_NEWLINK, 3, "narrow", running);
  address(RTM_NEWADDR, 1, "192.0.2.99", 28);
  address(RTM_NEWADDR, 2, "192.0.2.1", 16);
  address(RTM_NEWADDR, 3, "192.0.2.2", 24);
  address(RTM_NEWADDR, 3, "2001:db8::2", 64);
  const auto place = table_.locate(make_address("192.0.2.100"), "", std::nullopt);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->link, 3U);
  EXPECT_EQ(place->prefix, 24);
  EXPECT_TRUE(place->has_neighbours);
  EXPECT_EQ(table_.locate(make_address("2001:db8::7"), "", std::nullopt)->prefix, 64);
  EXPECT_FALSE(table_.locate(make_address("198.51.100.1"), "", std::nullopt));
}

TEST_F(InterfaceTableTest, virtual_address_itself_is_no_neighbour) {
  link(RTM_NEWLINK, 2, "eth0", running);
  address(RTM_NEWADDR, 2, "192.0.2.7", 24);
  EXPECT_FALSE(table_.locate(make_address("192.0.2.7"), "", std::nullopt));
}

TEST_F(InterfaceTableTest, named_interface_without_network_takes_a_host_prefix_or_the_wanted_one) {
  link(RTM_NEWLINK, 2, "eth0", running);
  EXPECT_EQ(table_.locate(make_address("192.0.2.7"), "eth0", std::nullopt)->prefix, 32);
  EXPECT_EQ(table_.locate(make_address("2001:db8::7"), "eth0", std::nullopt)->prefix, 128);
  EXPECT_EQ(table_.locate(make_address("192.0.2.7"), "eth0", std::uint8_t{25})->prefix, 25);
  EXPECT_FALSE(table_.locate(make_address("192.0.2.7"), "eth1", std::nullopt));
}

TEST_F(InterfaceTableTest, damaged_messages_are_ignored) {
  nlmsghdr* header = begin(RTM_NEWADDR);
  table_.apply(*header);
  header = begin(RTM_NEWLINK);
  table_.apply(*header);
  EXPECT_EQ(table_.find(0U), nullptr);
}

TEST(SameNetwork, compares_exactly_the_prefix) {
  EXPECT_TRUE(same_network(make_address("10.0.0.1"), make_address("10.0.0.254"), 24));
  EXPECT_FALSE(same_network(make_address("10.0.0.1"), make_address("10.0.0.254"), 25));
  EXPECT_TRUE(same_network(make_address("10.0.0.1"), make_address("10.0.0.1"), 32));
  EXPECT_TRUE(same_network(make_address("10.0.0.1"), make_address("11.0.0.1"), 0));
  EXPECT_FALSE(same_network(make_address("fd00::1"), make_address("fd00:0:0:1::1"), 64));
  EXPECT_TRUE(same_network(make_address("fd00::1"), make_address("fd00::ffff"), 64));
  EXPECT_FALSE(same_network(make_address("10.0.0.1"), make_address("fd00::1"), 0));
}

}  // namespace
}  // namespace clusteragent::vip
