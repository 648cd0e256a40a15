#include "agent/wire/key_ring.hpp"

#include <gmock/gmock.h>

namespace clusteragent::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr UnixSeconds now = 1'795'264'800;

TEST(KeyRing, signs_with_the_current_key_and_accepts_each_once) {
  EXPECT_THAT((KeyRing{Key{1}, {}, {}}.accepted(now)), ElementsAre(Key{1}));
  EXPECT_THAT((KeyRing{Key{1}, Key{2}, PreviousKey{Key{3}, now + 1}}.accepted(now)),
              ElementsAre(Key{1}, Key{2}, Key{3}));
  EXPECT_THAT((KeyRing{Key{1}, Key{1}, PreviousKey{Key{1}, now + 1}}.accepted(now)), ElementsAre(Key{1}))
      << "a change that was interrupted";
}

TEST(KeyRing, forgets_the_previous_key_at_its_time_and_not_before) {
  const KeyRing ring{Key{1}, {}, PreviousKey{Key{3}, now}};
  EXPECT_THAT(ring.accepted(now - 1), ElementsAre(Key{1}, Key{3}));
  EXPECT_THAT(ring.accepted(now), ElementsAre(Key{1}));
}

TEST(KeyRing, writes_the_previous_key_as_it_reads_it) {
  for (const UnixSeconds until : {UnixSeconds{951'782'400}, now, UnixSeconds{4'102'444'799}}) {
    const PreviousKey previous{Key{7}, until};
    const auto again = parse_previous(format_previous(previous), "p");
    ASSERT_TRUE(again) << format_time(until);
    EXPECT_EQ(*again, previous);
  }
  EXPECT_EQ(format_time(951'782'400), "2000-02-29T00:00:00Z");
}

TEST(KeyRing, refuses_a_previous_key_without_a_sound_end) {
  const std::string key = format_key(Key{7});
  for (const std::string& bad : {key, key + "until\n", key + "until tomorrow\n", key + "until 2026-02-30T00:00:00Z\n",
                                 key + "until 2026-11-22T24:00:00Z\n", key + "until 2026-11-22T13:00:00\n",
                                 key + "until 2026-11-22T13:00:00Zx\n", key + "until 9999-11-22T13:00:00Z\n",
                                 std::string{"until 2026-11-22T13:00:00Z\n"}, key.substr(0, 40), std::string{}}) {
    const auto parsed = parse_previous(bad, "/etc/p");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_THAT(parsed.error().message, HasSubstr("/etc/p"));
  }
}

TEST(KeyRing, names_a_key_without_telling_it) {
  EXPECT_EQ(key_id_text(Key{1}).size(), 16U);
  EXPECT_NE(key_id_text(Key{1}), key_id_text(Key{2}));
  EXPECT_EQ(format_key(Key{1}).find(key_id_text(Key{1})), std::string::npos);
}

}  // namespace
}  // namespace clusteragent::wire
