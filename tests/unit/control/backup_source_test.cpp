// Whose data `clusteragent mysql backup` takes, and when it refuses to.
#include "agent/control/backup_source.hpp"

#include <gmock/gmock.h>

namespace clusteragent::control {
namespace {

using testing::HasSubstr;

constexpr std::int64_t limit_ms = 1000;

Json primary() {
  return {{"node", "a"}, {"replication", {{"engine", "mysql"}, {"role", "primary"}, {"state", "up to date"}}}};
}

Json standby() {
  return {{"node", "b"},
          {"replication",
           {{"engine", "mysql"}, {"role", "standby"}, {"state", "following"}, {"server", "10"}, {"lag_ms", 40}}}};
}

Json seen_from(Json own, const Json& peer) {
  own["seen_of_peer"]["node"] = peer.value("node", "b");
  own["peer_report"] = peer;
  return own;
}

std::string refusal(const Json& of_standby, bool is_any_age = false) {
  const auto source = mysql_backup_source(seen_from(primary(), of_standby), limit_ms, is_any_age);
  return source ? "" : source.error().message;
}

TEST(BackupSource, is_the_standby_from_either_node) {
  const auto there = mysql_backup_source(seen_from(primary(), standby()), limit_ms, false);
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_FALSE(there->is_here);
  EXPECT_EQ("b", there->node);
  EXPECT_EQ("40 ms behind the primary", there->lag);
  const auto here = mysql_backup_source(seen_from(standby(), primary()), limit_ms, false);
  ASSERT_TRUE(here);
  EXPECT_TRUE(here->is_here);
  EXPECT_EQ("b", here->node);
}

TEST(BackupSource, is_not_too_old_unless_asked_for) {
  Json late = standby();
  late["replication"]["lag_ms"] = 1001;
  EXPECT_THAT(refusal(late), HasSubstr("b is 1001 ms behind the primary, and lag_limit is 1000 ms; --any-age"));
  EXPECT_EQ("", refusal(late, true));
  late["replication"].erase("lag_ms");
  EXPECT_THAT(refusal(late), HasSubstr("unknown time"));
  late = standby();
  late["replication"]["state"] = "applier stopped";
  late["replication"]["problem"] = "error 1062";
  EXPECT_THAT(refusal(late), HasSubstr("b does not follow (applier stopped): error 1062"));
  EXPECT_EQ("", refusal(late, true));
}

TEST(BackupSource, has_to_be_there) {
  Json away = standby();
  away["replication"]["server"] = "not reached";
  EXPECT_THAT(refusal(away, true), HasSubstr("the server of b is not reached"));
  EXPECT_THAT(refusal(primary(), true), HasSubstr("neither node"));
  EXPECT_FALSE(mysql_backup_source(primary(), limit_ms, true));
}

}  // namespace
}  // namespace clusteragent::control
