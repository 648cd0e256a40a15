#include "modules/mysql_replication/engine/plan/copy_method.hpp"

#include <gmock/gmock.h>

#include "modules/mysql_replication/engine/provision/link.hpp"

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;

constexpr CopyMeans everything{true, true, true};

TEST(CopyMethod, is_the_best_that_both_nodes_have) {
  EXPECT_EQ(CopyMethod::clone, *choose_copy(Family::oracle, everything, everything));
  EXPECT_EQ(CopyMethod::dump, *choose_copy(Family::oracle, {.has_loader = true}, everything)) << "no plugin";
  EXPECT_EQ(CopyMethod::clone, *choose_copy(Family::oracle, {.has_clone = true}, everything)) << "no dump tool";
  EXPECT_EQ(CopyMethod::backup, *choose_copy(Family::mariadb, everything, everything));
  EXPECT_EQ(CopyMethod::backup, *choose_copy(Family::mariadb, {true, false, false}, {true, false, false}));
  EXPECT_EQ(CopyMethod::dump, *choose_copy(Family::mariadb, {.has_loader = true}, everything));
  EXPECT_EQ(CopyMethod::dump, *choose_copy(Family::mariadb, everything, {.has_loader = true}));
}

TEST(CopyMethod, that_is_nowhere_is_told_with_what_is_to_be_installed) {
  const auto none = choose_copy(Family::mariadb, {}, everything);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("mariadb-backup on both nodes"));
  EXPECT_THAT(none.error().message, HasSubstr("mariadb-dump on the primary (it is not there)"));
  EXPECT_THAT(none.error().message, HasSubstr("mariadbd and mariadb on the standby (they are there)"));
  EXPECT_THAT(choose_copy(Family::oracle, everything, {}).error().message, HasSubstr("mysqld and mysql"));
}

TEST(CopyMethod, knows_versions_by_their_first_two_numbers) {
  EXPECT_EQ(506U, version_number("5.6.24-log"));
  EXPECT_EQ(804U, version_number("8.4.0"));
  EXPECT_EQ(1011U, version_number("10.11.19-MariaDB"));
  EXPECT_EQ(0U, version_number("x"));
}

TEST(CopyLink, carries_what_the_other_side_has) {
  const auto means = read_hello(write_hello({.has_backup_tool = false, .has_loader = true}));
  ASSERT_TRUE(means);
  EXPECT_FALSE(means->has_backup_tool);
  EXPECT_TRUE(means->has_loader);
  // An engine that knows the backup alone says nothing.
  const auto older = read_hello(R"({"version": 1})");
  ASSERT_TRUE(older);
  EXPECT_TRUE(older->has_backup_tool);
  EXPECT_FALSE(older->has_loader);
  EXPECT_THAT(read_hello(R"({"version": 2})").error().message, HasSubstr("upgrade"));
}

TEST(CopyLink, carries_how_the_copy_is_made) {
  CopyHead head{7, "8.4.0", "", CopyMethod::clone, 5, {{"innodb_page_size", "16384"}}, {"clone=mysql_clone.so"}};
  const auto read = read_copy_head(write_head(head));
  ASSERT_TRUE(read);
  EXPECT_EQ(CopyMethod::clone, read->method);
  EXPECT_EQ(5U, read->bytes_sent);
  EXPECT_EQ(head.settings, read->settings);
  EXPECT_EQ(head.plugins, read->plugins);
  EXPECT_EQ(CopyMethod::backup, read_copy_head(R"({"bytes": 1, "log_state": ""})")->method);
  EXPECT_FALSE(read_copy_head(R"({"bytes": 1, "log_state": "", "method": "magic"})"));
}

}  // namespace
}  // namespace clusteragent::mysql
