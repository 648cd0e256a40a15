#include "agent/wire/report.hpp"

#include <gtest/gtest.h>

namespace clusteragent::wire {
namespace {

constexpr Incarnation peer{1};

class ReportTest : public testing::Test {
 protected:
  ReportAssembler assembler;
  std::string text = std::string(3000, 'a') + std::string(2000, 'b');
  std::vector<ReportFrame> pieces = *split_report(1, text);
};

TEST_F(ReportTest, is_put_together_in_any_order) {
  ASSERT_EQ(pieces.size(), 5U);
  std::optional<std::string> whole;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    EXPECT_FALSE(whole);
    whole = assembler.add(peer, *piece);
  }
  EXPECT_EQ(whole, text);
}

TEST_F(ReportTest, is_given_once_though_every_path_brings_it) {
  int given = 0;
  for (int path = 0; path < 3; ++path) {
    for (const ReportFrame& piece : pieces) given += assembler.add(peer, piece) ? 1 : 0;
  }
  EXPECT_EQ(given, 1);
}

TEST_F(ReportTest, is_not_made_of_two_halves) {
  const auto later = *split_report(2, std::string(5000, 'y'));
  for (std::size_t at = 0; at + 1 < pieces.size(); ++at) EXPECT_FALSE(assembler.add(peer, pieces[at]));
  EXPECT_FALSE(assembler.add(peer, later.back()));
  EXPECT_FALSE(assembler.add(peer, pieces.back())) << "an older one does not come back";
  std::optional<std::string> whole;
  for (std::size_t at = 0; at + 1 < later.size(); ++at) whole = assembler.add(peer, later[at]);
  EXPECT_EQ(whole, std::string(5000, 'y'));
}

TEST_F(ReportTest, of_a_new_life_starts_at_one_again) {
  const auto many = *split_report(900, text);
  for (const ReportFrame& piece : many) assembler.add(peer, piece);
  std::optional<std::string> whole;
  for (const ReportFrame& piece : pieces) whole = assembler.add(Incarnation{2}, piece);
  EXPECT_EQ(whole, text);
}

TEST_F(ReportTest, that_changes_its_count_is_ignored) {
  EXPECT_FALSE(assembler.add(peer, pieces[0]));
  EXPECT_FALSE(assembler.add(peer, ReportFrame{1, 9, 10, "x"}));
  EXPECT_FALSE(assembler.add(peer, ReportFrame{1, 0, 1, "x"}));
}

TEST_F(ReportTest, has_a_largest_size) {
  EXPECT_EQ(split_report(1, std::string(report_bytes_max, 'z'))->size(), pieces_max);
  EXPECT_FALSE(split_report(1, std::string(report_bytes_max + 1, 'z')));
  EXPECT_FALSE(split_report(1, ""));
}

}  // namespace
}  // namespace clusteragent::wire
