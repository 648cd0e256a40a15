#include "agent/control/request.hpp"

#include <gtest/gtest.h>

#include <random>

namespace clusteragent::control {
namespace {

TEST(Request, of_each_kind_is_understood) {
  const auto status = parse_request(R"({"request":"status","node":"node1"})");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->node, "node1");
  EXPECT_TRUE(std::holds_alternative<StatusRequest>(status->request));

  const auto operate = parse_request(R"({"request":"operate","verb":"prim","force":true,"identity":"start_prim"})");
  ASSERT_TRUE(operate.ok());
  const auto& order = std::get<OperateRequest>(operate->request);
  EXPECT_EQ(order.verb, core::Verb::prim);
  EXPECT_TRUE(order.force);
  EXPECT_EQ(order.identity, "start_prim");

  const auto print = parse_request(R"({"request":"print","level":"W","text":"disk is slow"})");
  ASSERT_TRUE(print.ok());
  EXPECT_EQ(std::get<PrintRequest>(print->request).level, 'W');

  const auto reload = parse_request(R"({"request":"reload_keys"})");
  ASSERT_TRUE(reload.ok());
  EXPECT_TRUE(std::holds_alternative<ReloadKeysRequest>(reload->request));

  const auto verify = parse_request(R"({"request":"verify","repair":true,"asked_by":"anna"})");
  ASSERT_TRUE(verify.ok());
  EXPECT_TRUE(std::get<VerifyRequest>(verify->request).repairs);
  EXPECT_EQ(std::get<VerifyRequest>(verify->request).asked_by, "anna");
}

TEST(Request, that_is_malformed_is_a_usage_error) {
  for (const char* line :
       {"", "{", "[]", "null", "7", R"("status")", "{}", R"({"request":7})", R"({"request":"halt"})",
        R"({"request":"operate"})", R"({"request":"verify","repair":"yes"})", R"({"request":"operate","verb":7})",
        R"({"request":"operate","verb":"explode"})", R"({"request":"operate","verb":"prim","force":"yes"})",
        R"({"request":"print","level":"I"})", R"({"request":"print","level":7,"text":"x"})",
        R"({"request":"print","level":"X","text":"x"})", R"({"request":"print","level":"","text":"x"})",
        "{\"request\":\"sta\xfftus\"}"}) {
    const auto parsed = parse_request(line);
    ASSERT_FALSE(parsed.ok()) << line;
    EXPECT_EQ(parsed.error().code, ErrorCode::usage) << line;
  }
}

TEST(Request, deeper_than_any_stack_is_refused) {
  EXPECT_FALSE(parse_request(std::string(request_bytes_max, '[')).ok());
  EXPECT_FALSE(parse_request("{\"request\":" + std::string(30000, '[') + std::string(30000, ']') + "}").ok());
}

TEST(Request, with_any_byte_changed_does_no_harm) {
  const std::string sound = R"({"request":"operate","verb":"prim","force":true,"identity":"start_prim","node":"n"})";
  std::mt19937 random{1};
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string line = sound;
    for (int change = 0; change < 3; ++change) line[random() % line.size()] = static_cast<char>(random());
    line.resize(line.size() - random() % 3);
    refused += parse_request(line).ok() ? 0U : 1U;
  }
  EXPECT_GT(refused, 10000U);
}

TEST(Request, cannot_write_control_characters_or_second_lines_into_the_log) {
  const auto print = parse_request(R"({"request":"print","level":"I","text":"a\nb\u001b[2Jc\td"})");
  ASSERT_TRUE(print.ok());
  EXPECT_EQ(std::get<PrintRequest>(print->request).text, "a?b?[2Jc d");
}

TEST(Printable, keeps_text_and_replaces_what_steers_a_terminal) {
  EXPECT_EQ(printable("Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 100),
            "Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\x1b]0;x\x07", 100), "?]0;x?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m",
                      100),
            "??31m")
      << "the one-character form of ESC [";
  EXPECT_EQ(printable("\xff\xc3+\xe0\x80\xaf\xed\xa0\x80", 100), "??+??????");
  EXPECT_EQ(printable("a\nb", 100, true), "a\nb");
  EXPECT_EQ(printable("a\nb", 100, false), "a?b");
}

TEST(Printable, cuts_between_characters) {
  EXPECT_EQ(printable("\xc3\xbc\xc3\xbc", 3), "\xc3\xbc");
  EXPECT_EQ(printable("abc", 2), "ab");
}

TEST(ToLine, sends_what_is_not_utf_8_all_the_same) {
  EXPECT_EQ(to_line(Json{{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace clusteragent::control
