// The last lines of a script's output must fit one line of log and be valid UTF-8, whatever the script wrote.
#include "agent/hooks/tail.hpp"

#include <gtest/gtest.h>

#include <string>

namespace clusteragent::hooks {
namespace {

TEST(LastLines, keeps_the_last_ten_in_order) {
  std::string output;
  for (int i = 1; i <= 25; ++i) output += "line " + std::to_string(i) + "\n";
  const std::string lines = last_lines(output);
  EXPECT_EQ(lines.substr(0, 7), "line 16");
  EXPECT_TRUE(lines.ends_with("line 24 | line 25")) << lines;
}

TEST(LastLines, leaves_out_blank_lines_and_trailing_blanks) {
  EXPECT_EQ(last_lines("\n\n one \r\n\n  \ntwo\n\n"), "one | two");
  EXPECT_EQ(last_lines(""), "");
  EXPECT_EQ(last_lines("\n\n"), "");
}

TEST(LastLines, is_bounded_and_keeps_the_end_of_a_line_without_end) {
  const std::string lines = last_lines(std::string(1'000'000, 'x') + "END");
  EXPECT_LE(lines.size(), tail_bytes_max);
  EXPECT_TRUE(lines.ends_with("xEND"));
}

TEST(LastLines, drops_the_first_piece_when_it_starts_inside_a_line) {
  EXPECT_EQ(last_lines("alf a line\nwhole\n", true), "whole");
  EXPECT_EQ(last_lines("no end of line", true), "no end of line");
}

TEST(LastLines, replaces_control_characters_and_broken_utf8) {
  EXPECT_EQ(last_lines("a\x1b[31mred\x07"), "a?[31mred?");
  EXPECT_EQ(last_lines("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(last_lines("\xff\xfe\xc0\xaf\xed\xa0\x80"), "???????");
  EXPECT_EQ(last_lines("cut \xe2\x82"), "cut ??");
  EXPECT_EQ(last_lines("a\tb"), "a b");
}

}  // namespace
}  // namespace clusteragent::hooks
