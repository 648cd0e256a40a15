// What each node keeps for itself is decided by the path alone.
#include "agent/data/filesync/store/exclusion.hpp"

#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

Exclusion rules(const std::vector<ExclusionRule>& wanted) {
  auto made = Exclusion::make(wanted);
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(Exclusion, takes_out_a_path_and_what_lies_below_it) {
  const Exclusion some = rules({{"auto.cnf", "", false}, {"./tmp/sort/", "", false}});
  EXPECT_TRUE(some.excludes("auto.cnf", false));
  EXPECT_TRUE(some.excludes("tmp/sort", true));
  EXPECT_TRUE(some.excludes("tmp/sort/a/b", false));
  for (const char* other : {"auto.cnf2", "a/auto.cnf", "tmp", "tmp/sorted", "tmp/sor"})
    EXPECT_FALSE(some.excludes(other, false)) << other;
  EXPECT_FALSE(some.excludes("", true));
}

TEST(Exclusion, searches_an_expression_in_the_path_and_in_those_of_its_folders) {
  const Exclusion some = rules({{"", R"(\.(pid|sock|err)$)", false}, {"", "^cache", false}});
  EXPECT_TRUE(some.excludes("db/host.pid", false));
  EXPECT_TRUE(some.excludes("old.err/kept", false));
  EXPECT_TRUE(some.excludes("cache2/x", false));
  EXPECT_FALSE(some.excludes("db/cache", true));
  EXPECT_FALSE(some.excludes("host.pid.old", false));
}

TEST(Exclusion, inverted_leaves_folders_in_and_of_files_what_matches) {
  const Exclusion some = rules({{"", R"(\.ibd$)", true}, {"skip", "", false}});
  EXPECT_FALSE(some.excludes("db", true));
  EXPECT_FALSE(some.excludes("db/t.ibd", false));
  EXPECT_TRUE(some.excludes("db/t.frm", false));
  EXPECT_TRUE(some.excludes("skip/t.ibd", false));
}

TEST(Exclusion, without_a_rule_takes_nothing_out) {
  EXPECT_FALSE(rules({}).excludes("any", false));
  EXPECT_TRUE(rules({}).is_empty());
}

TEST(Exclusion, names_an_expression_that_is_none) {
  const auto made = Exclusion::make({{"", "(", false}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("regexpath=\"(\""), std::string::npos);
}

}  // namespace
}  // namespace clusteragent::filesync
