#include "modules/mysql_replication/engine/gtid/gtid_set.hpp"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "modules/mysql_replication/engine/gtid/gtids.hpp"

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;

const std::string one = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const std::string two = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

GtidSet set(const std::string& text) {
  auto parsed = GtidSet::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : GtidSet{};
}

TEST(GtidSet, reads_what_it_writes) {
  EXPECT_EQ(one + ":1-5:7", set(one + ":7:1-5").text());
  EXPECT_EQ(one + ":1-7", set(one + ":1-5:6-7").text());
  EXPECT_EQ(one + ":1-9", set(one + ":3-9:1-5").text());
  EXPECT_EQ(one + ":1," + two + ":2-3", set(two + ":2-3,\n" + one + ":1").text());
  EXPECT_EQ(one + ":1", set("3E11FA47-71CA-11E1-9E33-C80AA9429562:1").text());
  EXPECT_EQ("", set("").text());
  EXPECT_EQ(one + ":1-2," + one + ":night:4", set(one + ":1-2:night:4").text());
}

TEST(GtidSet, refuses_what_is_none) {
  for (const std::string& text :
       {one, one + ":", one + ":0", one + ":5-3", one + ":1-", one + ":-1", one + ":1x", one + ":1,", "," + one + ":1",
        std::string{"3e11fa4771ca11e19e33c80aa9429562:1"}, std::string{"0-1-42"}, one + ":9223372036854775807",
        one + ":1-99999999999999999999", one + ":night"}) {
    const auto parsed = GtidSet::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("uuid:first-last")) << text;
  }
}

TEST(GtidSet, subtracts_and_contains) {
  EXPECT_EQ(one + ":1-2:5:9-10", set(one + ":1-10").minus(set(one + ":3-4:6-8")).text());
  EXPECT_EQ("", set(one + ":3").minus(set(one + ":1-10")).text());
  EXPECT_EQ(one + ":3", set(one + ":3").minus(set(two + ":1-10")).text());
  EXPECT_TRUE(set(one + ":1-10").contains(set(one + ":2-3:7")));
  EXPECT_FALSE(set(one + ":1-5:7-10").contains(set(one + ":5-7")));
  EXPECT_EQ(7U, set(one + ":1-5:7," + two + ":4").count());
}

TEST(GtidSet, does_what_sets_of_numbers_do) {
  std::mt19937 random{7};
  const auto draw = [&] {
    std::set<unsigned> members;
    for (unsigned at = 0; at < 12; ++at) members.insert(1 + static_cast<unsigned>(random() % 20));
    return members;
  };
  const auto as_set = [](const std::set<unsigned>& members) {
    std::string text;
    for (const unsigned each : members) text += (text.empty() ? one : "") + ":" + std::to_string(each);
    return set(text);
  };
  for (int round = 0; round < 500; ++round) {
    const std::set<unsigned> a = draw();
    const std::set<unsigned> b = draw();
    std::set<unsigned> difference;
    std::set<unsigned> both = a;
    both.insert(b.begin(), b.end());
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(difference, difference.end()));
    ASSERT_EQ(as_set(difference), as_set(a).minus(as_set(b)));
    ASSERT_EQ(as_set(both), as_set(a).joined(as_set(b)));
    ASSERT_EQ(difference.empty(), as_set(b).contains(as_set(a)));
    ASSERT_EQ(a.size(), as_set(a).count());
  }
}

TEST(Gtids, of_different_families_never_reach_each_other) {
  const Gtids mariadb = *Gtids::parse(Family::mariadb, "0-1-5");
  const Gtids oracle = *Gtids::parse(Family::oracle, one + ":1-9");
  EXPECT_FALSE(mariadb.reaches(oracle));
  EXPECT_FALSE(oracle.reaches(mariadb));
  EXPECT_EQ(oracle, oracle.beyond(mariadb));
  EXPECT_EQ(9U, oracle.count_beyond(mariadb));
}

}  // namespace
}  // namespace clusteragent::mysql
