// What the comparison of tables asks, and when it says that they differ.
#include <gmock/gmock.h>

#include "modules/mysql_replication/engine/verify/suspicion.hpp"
#include "modules/mysql_replication/engine/verify/table.hpp"

namespace clusteragent::mysql {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Verdict = Suspicion::Verdict;

Table orders() {
  Table table;
  table.schema = "shop";
  table.name = "or`ders";
  table.engine = "InnoDB";
  describe(table,
           {{{"name_is", "day"}, {"type_is", "date"}, {"charset", std::nullopt}, {"extra_is", ""}},
            {{"name_is", "who"}, {"type_is", "varchar"}, {"charset", "latin1"}, {"extra_is", ""}},
            {{"name_is", "n"}, {"type_is", "int"}, {"charset", std::nullopt}, {"extra_is", ""}},
            {{"name_is", "text"}, {"type_is", "longtext"}, {"charset", "utf8mb4"}, {"extra_is", ""}},
            {{"name_is", "sum"}, {"type_is", "int"}, {"charset", std::nullopt}, {"extra_is", "VIRTUAL GENERATED"}}},
           {{{"name_is", "n"}, {"prefix_is", std::nullopt}}, {{"name_is", "who"}, {"prefix_is", std::nullopt}}});
  return table;
}

TEST(ComparedTable, is_read_in_ranges_of_its_key) {
  const Table table = orders();
  EXPECT_TRUE(has_ranges(table));
  EXPECT_EQ("", obstacle(table));
  EXPECT_EQ(
      "SELECT `n` AS k0, HEX(`who`) AS k1 FROM `shop`.`or``ders` FORCE INDEX (PRIMARY) ORDER BY `n`, `who` LIMIT 1"
      " OFFSET 499",
      key_query(table, {}, 500));
  EXPECT_THAT(last_key_query(table), HasSubstr("ORDER BY `n` DESC, `who` DESC LIMIT 1"));
  EXPECT_EQ((Key{"7", "41"}), key_of(table, {{"k1", "41"}, {"k0", "7"}}));
  const std::string asked = content_query(table, {Key{"7", "41"}, Key{"9", "4227"}});
  EXPECT_THAT(asked, HasSubstr("FORCE INDEX (PRIMARY) WHERE `n` >= 7 AND ((`n` > 7) OR (`n` = 7 AND `who` > _latin1 "
                               "X'41')) AND `n` <= 9 AND ((`n` < 9) OR (`n` = 9 AND `who` <= _latin1 X'4227'))"));
  EXPECT_THAT(asked, HasSubstr("CONCAT_WS('#', `day`, CAST(`who` AS BINARY), `n`, SHA2(`text`, 224), CONCAT("));
  EXPECT_THAT(asked, Not(HasSubstr("`sum`"))) << "it follows from the others";
  EXPECT_EQ("n, who behind 7, 'A' up to 9, 'B''", text_of(table, {Key{"7", "41"}, Key{"9", "4227"}}));
  EXPECT_EQ("n, who behind 7, 0xFF00", text_of(table, {Key{"7", "FF00"}, {}}));
  EXPECT_EQ("all rows", text_of(table, {}));
}

TEST(ComparedTable, without_a_usable_key_is_read_at_once_or_left_out) {
  Table table = orders();
  table.key.clear();
  EXPECT_FALSE(has_ranges(table));
  EXPECT_EQ("", obstacle(table));
  EXPECT_THAT(content_query(table, {}), Not(HasSubstr("FORCE INDEX")));
  table.rows = 10'001;
  EXPECT_THAT(obstacle(table), HasSubstr("no primary key"));
  table = orders();
  table.rows = 10'001;
  table.key.front().type = "double";
  EXPECT_THAT(obstacle(table), HasSubstr("cannot be split"));
  table = orders();
  table.rows = 10'001;
  table.has_key_prefix = true;
  EXPECT_THAT(obstacle(table), HasSubstr("cannot be split"));
  table = orders();
  table.engine = "MyISAM";
  EXPECT_THAT(obstacle(table), HasSubstr("MyISAM"));
}

Content content(std::uint64_t rows, const std::string& sum) {
  return {rows, sum};
}
const Content old_one = content(5, "1");
const Content new_one = content(5, "2");
const Content other = content(5, "9");
constexpr Suspicion::Time start{};

TEST(Suspicion, is_over_as_soon_as_both_once_showed_the_same) {
  EXPECT_EQ(Verdict::equal, Suspicion{}.add({old_one, old_one, old_one}, start));
  EXPECT_EQ(Verdict::equal, Suspicion{}.add({old_one, new_one, new_one}, start)) << "the standby was read later";
  Suspicion suspicion;
  EXPECT_EQ(Verdict::open, suspicion.add({old_one, other, old_one}, start));
  EXPECT_EQ(Verdict::equal, suspicion.add({old_one, old_one, old_one}, start + 20s));
}

TEST(Suspicion, is_certain_when_nothing_has_changed_for_long) {
  Suspicion suspicion;
  EXPECT_EQ(Verdict::open, suspicion.add({old_one, other, old_one}, start));
  EXPECT_EQ(Verdict::open, suspicion.add({old_one, other, old_one}, start + 9s))
      << "a commit may wait for the standby's word that long";
  EXPECT_EQ(Verdict::differs, suspicion.add({old_one, other, old_one}, start + 10s));
}

TEST(Suspicion, begins_anew_when_something_changed) {
  Suspicion suspicion;
  EXPECT_EQ(Verdict::open, suspicion.add({old_one, other, old_one}, start));
  EXPECT_EQ(Verdict::open, suspicion.add({new_one, other, new_one}, start + 10s));
  EXPECT_EQ(Verdict::open, suspicion.add({new_one, content(4, "9"), new_one}, start + 20s));
  EXPECT_EQ(Verdict::open, suspicion.add({new_one, content(4, "9"), new_one}, start + 29s));
  EXPECT_EQ(Verdict::differs, suspicion.add({new_one, content(4, "9"), new_one}, start + 30s));
}

TEST(Suspicion, of_what_changes_all_the_time_is_never_certain) {
  Suspicion suspicion;
  Verdict verdict = Verdict::open;
  int readings = 0;
  for (; verdict == Verdict::open && readings < 20; ++readings)
    verdict = suspicion.add({content(5, std::to_string(readings)), other, content(5, std::to_string(readings + 1))},
                            start + readings * 10s);
  EXPECT_EQ(Verdict::busy, verdict);
  EXPECT_EQ(4, readings);
}

}  // namespace
}  // namespace clusteragent::mysql
