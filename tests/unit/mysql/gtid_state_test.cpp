#include "modules/mysql_replication/engine/gtid/gtid_state.hpp"

#include <gmock/gmock.h>

namespace clusteragent::mysql {
namespace {

using testing::HasSubstr;

GtidState state(const char* text) {
  auto parsed = GtidState::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : GtidState{};
}

TEST(GtidState, reads_what_it_writes) {
  EXPECT_EQ("0-1-42,0-2-40,7-1-3", state("7-1-3, 0-2-40 ,0-1-42\n").text());
  EXPECT_EQ("", state("").text());
  EXPECT_EQ("", state(" \n").text());
  EXPECT_EQ("4294967295-4294967295-18446744073709551615", state("4294967295-4294967295-18446744073709551615").text());
  EXPECT_EQ("0-1-9", state("0-1-9,0-1-3").text());
}

TEST(GtidState, refuses_what_is_none) {
  for (const char* text :
       {"0", "0-1", "0-1-", "0-1-2-3", "a-1-2", "0-1-2,", ",0-1-2", "0-1-2,,0-2-3", "-1-1-1", "0-1-2x",
        "4294967296-1-1", "0-1-18446744073709551616", "0 -1-2", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}) {
    const auto parsed = GtidState::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("domain-server-sequence")) << text;
  }
}

TEST(GtidState, reaches_compares_by_domain) {
  EXPECT_TRUE(state("0-2-10").reaches(state("0-1-9")));
  EXPECT_TRUE(state("0-2-10").reaches(state("0-1-10")));
  EXPECT_FALSE(state("0-2-10").reaches(state("0-1-11")));
  EXPECT_FALSE(state("0-2-10").reaches(state("0-1-9,1-1-1")));
  EXPECT_TRUE(state("").reaches(state("")));
  EXPECT_TRUE(state("0-1-1").reaches(state("")));
  EXPECT_FALSE(state("").reaches(state("0-1-1")));
}

TEST(GtidState, beyond_finds_what_the_other_never_had) {
  // The old primary wrote four transactions that the new one never got, which then wrote its own.
  const GtidState old_primary = state("0-2-60699,0-1-60703");
  const GtidState new_primary = state("0-1-60699,0-2-60700");
  EXPECT_EQ("0-1-60703", old_primary.beyond(new_primary).text());
  EXPECT_EQ(3U, old_primary.count_beyond(new_primary));
  EXPECT_TRUE(new_primary.beyond(new_primary).is_empty());
  EXPECT_EQ("0-3-1", state("0-3-1").beyond(GtidState{}).text());
  EXPECT_EQ(1U, state("0-3-1").count_beyond(GtidState{}));
  EXPECT_EQ(2U, state("0-1-52,0-9-54").count_beyond(state("0-1-52")));
}

TEST(GtidState, common_position_is_where_they_parted) {
  // The new primary went on under numbers that the old one had given out as well.
  EXPECT_EQ("0-2-60699", state("0-2-60699,0-1-60703").common_position(state("0-1-52289,0-2-60705")).text());
  EXPECT_EQ("0-1-7", state("0-1-9").common_position(state("0-1-7,0-2-12")).text());
  EXPECT_EQ("", state("0-1-9").common_position(state("0-2-12")).text());
}

TEST(GtidState, joins_and_takes_the_highest_of_a_domain) {
  EXPECT_EQ("0-1-5,0-2-7", state("0-1-5,0-2-3").joined(state("0-2-7")).text());
  EXPECT_EQ("0-2-7,1-1-1", state("0-1-5,0-2-7,1-1-1").position().text());
}

}  // namespace
}  // namespace clusteragent::mysql
