#include "agent/fence/guard_messages.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "agent/fence/guard_input.hpp"
#include "agent/fence/nft_ruleset.hpp"

namespace clusteragent::fence {
namespace {

using boost::asio::ip::make_address;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

GuardOptions some_options() {
  GuardOptions options;
  options.lock_path = "/run/lock";
  options.stop_command = {"/bin/stop", "force"};
  options.stop_environment = {"A=1"};
  options.stop_directory = "/tmp";
  options.stop_limit = std::chrono::seconds{7};
  options.drop_after = std::chrono::milliseconds{5};
  options.watchdog_device = "/dev/watchdog";
  options.watchdog_timeout = std::chrono::seconds{15};
  return options;
}

TEST(GuardMessages, configuration_is_read_as_it_was_written) {
  const GuardMessage message = config_message(some_options(), 4711);
  GuardReader in{message};
  EXPECT_EQ(in.number<ToGuard>(), ToGuard::config);
  EXPECT_EQ(in.number<std::uint32_t>(), guard_protocol_version);
  EXPECT_EQ(in.number<std::int32_t>(), 4711);
  EXPECT_EQ(in.number<std::int64_t>(), 5'000'000);
  EXPECT_EQ(in.number<std::int64_t>(), INT64_MAX) << "never";
  EXPECT_EQ(in.number<std::int64_t>(), 7'000'000'000);
  EXPECT_EQ(in.number<std::int32_t>(), 15);
  EXPECT_STREQ(in.string(), "/dev/watchdog");
  EXPECT_STREQ(in.string(), "/run/lock");
  EXPECT_STREQ(in.string(), "/tmp");
  ASSERT_EQ(in.number<std::uint32_t>(), 2U);
  EXPECT_STREQ(in.string(), "/bin/stop");
  EXPECT_STREQ(in.string(), "force");
  ASSERT_EQ(in.number<std::uint32_t>(), 1U);
  EXPECT_STREQ(in.string(), "A=1");
  EXPECT_TRUE(in.is_whole());
}

TEST(GuardMessages, truncated_message_is_never_whole) {
  const GuardMessage message = config_message(some_options(), 1);
  for (std::size_t size = 0; size < message.size(); ++size) {
    GuardReader in{std::span{message}.first(size)};
    in.number<ToGuard>();
    in.number<std::uint32_t>();
    in.number<std::int32_t>();
    for (int number = 0; number < 3; ++number) in.number<std::int64_t>();
    in.number<std::int32_t>();
    for (int text = 0; text < 3; ++text) in.string();
    for (int list = 0; list < 2; ++list) {
      for (std::uint32_t left = in.number<std::uint32_t>(); left > 0 && in.is_whole(); --left) in.string();
    }
    EXPECT_FALSE(in.is_whole()) << size;
  }
}

TEST(GuardMessages, string_without_its_zero_is_refused) {
  const std::array<std::byte, 5> message{std::byte{1}, {}, {}, {}, std::byte{'x'}};
  GuardReader in{message};
  EXPECT_STREQ(in.string(), "");
  EXPECT_FALSE(in.is_whole());
}

TEST(GuardMessages, plan_and_release_carry_opaque_bytes) {
  const std::vector<std::byte> content{std::byte{1}, std::byte{0}, std::byte{3}};
  const GuardMessage plan = plan_message({{16, content}});
  GuardReader in{plan};
  EXPECT_EQ(in.number<ToGuard>(), ToGuard::plan);
  EXPECT_EQ(in.number<std::uint32_t>(), 1U);
  EXPECT_EQ(in.number<std::uint32_t>(), 16U);
  const auto bytes = in.bytes();
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), content.begin(), content.end()));

  const boost::asio::ip::udp::endpoint to{make_address("fd00::1"), 9};
  const GuardMessage release = release_message(Epoch{8}, {{to, content}});
  GuardReader other{release};
  EXPECT_EQ(other.number<ToGuard>(), ToGuard::release);
  EXPECT_EQ(other.number<std::uint64_t>(), 8U);
  EXPECT_EQ(other.number<std::uint32_t>(), 1U);
  EXPECT_EQ(text_of(other.bytes()), std::string(reinterpret_cast<const char*>(to.data()), to.size()));
}

TEST(GuardMessages, permit_says_what_is_held) {
  const GuardMessage message = permit_message({Epoch{3}, Instant::from_nanoseconds(99), true, false});
  GuardPermitMessage read;
  ASSERT_EQ(message.size(), sizeof read);
  std::memcpy(&read, message.data(), sizeof read);
  EXPECT_EQ(read.holds, holds_vip);
  EXPECT_EQ(read.epoch, 3U);
  EXPECT_EQ(read.until, 99);
}

TEST(GuardMessages, reports_of_another_shape_are_refused) {
  GuardReport report;
  const auto bytes = [&report] { return std::as_bytes(std::span{&report, 1}); };
  EXPECT_TRUE(parse_report(bytes()));
  EXPECT_FALSE(parse_report(bytes().first(10)));
  report.kind = static_cast<ToAgent>(9);
  EXPECT_FALSE(parse_report(bytes()));
  report.kind = ToAgent::problem;
  std::memset(report.text, 'x', sizeof report.text);
  EXPECT_FALSE(parse_report(bytes())) << "the text has no end";
}

TEST(GuardProgram, stop_command_must_be_an_absolute_path) {
  boost::asio::io_context io;
  GuardOptions options;
  options.executable = "/bin/true";
  options.stop_command = {"stop_prim", "force"};
  const auto link = GuardLink::spawn(io, options, {});
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, ErrorCode::usage);
}

TEST(GuardProgram, missing_executable_is_an_error) {
  boost::asio::io_context io;
  GuardOptions options;
  options.executable = "/nowhere/clusteragent-guard";
  const auto link = GuardLink::spawn(io, options, {});
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().message.find("/nowhere/clusteragent-guard"), std::string::npos);
}

TEST(TableName, keeps_to_what_nftables_allows) {
  EXPECT_EQ(table_name("mysql"), "clusteragent_mysql");
  EXPECT_EQ(table_name("my-app.1"), "clusteragent_my_app_1");
  EXPECT_LT(table_name(std::string(500, 'x')).size(), 256U);
}

TEST(Batches, hold_as_many_addresses_as_are_supported) {
  Addresses addresses;
  for (unsigned number = 0; number < 32; ++number) {
    addresses.push_back(boost::asio::ip::address_v4{0x0a000001 + number});
    auto bytes = make_address("fd00::").to_v6().to_bytes();
    bytes[15] = static_cast<unsigned char>(number);
    addresses.push_back(boost::asio::ip::address_v6{bytes});
  }
  EXPECT_GT(creation_batch("t", addresses).size(), permit_batch("t", addresses, std::chrono::milliseconds{50}).size());
}

}  // namespace
}  // namespace clusteragent::fence
