#include "agent/control/table_text.hpp"

#include <gmock/gmock.h>

namespace clusteragent::control {
namespace {

using testing::ElementsAre;

TEST(Wrap, breaks_at_blanks_and_keeps_line_ends) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one\ntwo", 20), ElementsAre("one", "two"));
  EXPECT_THAT(wrap("", 20), ElementsAre(""));
}

TEST(Wrap, breaks_inside_a_word_that_fits_no_line) {
  EXPECT_THAT(wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrap("\xc3\xbc\xc3\xbc\xc3\xbc", 2), ElementsAre("\xc3\xbc\xc3\xbc", "\xc3\xbc"));
}

TEST(FormatRows, aligns_columns_by_characters_and_leaves_no_blanks_behind) {
  const std::vector<Row> rows{{{"a"}, {"\xc3\xbc"}, {"last"}}, {{"bb"}, {""}, {""}}, {{"c"}, {""}, {"x"}}};
  EXPECT_EQ(format_rows(rows, {3, 3, 5}, false), "a    \xc3\xbc    last\nbb\nc         x\n");
}

TEST(FormatRows, continues_a_long_cell_in_its_own_column) {
  EXPECT_EQ(format_rows({{{"k"}, {"one two"}, {"z"}}}, {2, 4, 4}, false), "k   one   z\n    two\n");
}

TEST(Tinted, is_plain_without_colours) {
  EXPECT_EQ(tinted("x", Tint::red, false), "x");
  EXPECT_EQ(tinted("x", Tint::red, true), "\x1b[1;31mx\x1b[0m");
  EXPECT_EQ(tinted("x", Tint::none, true), "x");
}

}  // namespace
}  // namespace clusteragent::control
