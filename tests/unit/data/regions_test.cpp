// What is remembered of a replica that is away or behind: that no mark is lost, and none is kept without need.
#include "agent/data/filesync/ledger/regions.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include "agent/data/filesync/ledger/history.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr FileId file{7};
constexpr FileId folder{3};
constexpr std::uint64_t large = 1ULL << 40;

const std::vector<std::byte>& bytes(std::size_t count) {
  static std::vector<std::byte> all;
  all.resize(count);
  return all;
}

void write(Regions& regions, std::uint64_t offset, std::size_t count, FileId to = file) {
  regions.mark({.op = Op::write, .file = to, .offset = offset}, bytes(count));
}

std::vector<Span> spans(const Marks& marks, std::uint64_t size = large, FileId of = file) {
  const FileMarks* found = marks.find(of);
  return found == nullptr ? std::vector<Span>{} : found->spans(size);
}

Span changed(std::uint64_t first_block, std::uint64_t blocks) {
  return {first_block * region_block_bytes, (first_block + blocks) * region_block_bytes, true};
}

Slot slot(std::string_view name) {
  return {folder, slot_name(name)};
}

TEST(Regions, mark_the_blocks_that_a_write_reaches_and_no_others) {
  Regions regions;
  write(regions, 0, 1);
  write(regions, region_block_bytes - 1, 2);
  write(regions, 63 * region_block_bytes, 2 * region_block_bytes);  // into the next word
  write(regions, 100 * region_block_bytes, region_block_bytes);
  EXPECT_THAT(spans(regions.begin_copy(true)), ElementsAre(changed(0, 2), changed(63, 2), changed(100, 1)));
}

TEST(Regions, end_where_the_file_does) {
  Regions regions;
  write(regions, 0, 10 * region_block_bytes);
  const Marks& marks = regions.begin_copy(true);
  EXPECT_THAT(spans(marks, 100'000), ElementsAre(Span{0, 100'000, true}));
  EXPECT_THAT(spans(marks, 0), IsEmpty());
}

TEST(Regions, mark_all_behind_the_point_to_which_a_file_was_cut) {
  Regions regions;
  regions.mark({.op = Op::truncate, .file = file, .offset = 200'000}, {});
  regions.mark({.op = Op::truncate, .file = file, .offset = 300'000}, {});
  write(regions, 0, 1);
  const Marks& marks = regions.begin_copy(true);
  EXPECT_THAT(spans(marks, 500'000), ElementsAre(changed(0, 1), Span{200'000, 500'000, true}));
  EXPECT_THAT(spans(marks, 200'000), ElementsAre(changed(0, 1)));
}

TEST(Regions, mark_what_is_allocated_or_zeroed_and_all_that_moves) {
  Regions regions;
  const auto allocate = [&regions](int mode, FileId to) {
    regions.mark({.op = Op::allocate,
                  .flags = static_cast<std::uint16_t>(mode),
                  .file = to,
                  .offset = region_block_bytes,
                  .extra = region_block_bytes + 1},
                 {});
  };
  allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, file);
  allocate(FALLOC_FL_COLLAPSE_RANGE, FileId{8});
  const Marks& marks = regions.begin_copy(true);
  EXPECT_THAT(spans(marks), ElementsAre(changed(1, 2)));
  EXPECT_THAT(spans(marks, 1'000'000, FileId{8}), ElementsAre(Span{region_block_bytes, 1'000'000, true}));
}

TEST(Regions, mark_every_place_whose_name_came_or_went) {
  Regions regions;
  NewFile made;
  made.name = "made";
  made.mode = 0100644;
  regions.mark({.op = Op::create, .file = file, .offset = folder.value()}, pack(made).bytes());
  regions.mark({.op = Op::link, .file = file, .offset = folder.value()}, pack_name("linked").bytes());
  regions.mark({.op = Op::remove, .offset = folder.value()}, pack_name("removed").bytes());
  regions.mark({.op = Op::rename, .offset = folder.value(), .extra = 4}, pack_names("from", "to").bytes());
  const Marks& marks = regions.begin_copy(true);
  for (const char* name : {"made", "linked", "removed", "from"}) EXPECT_TRUE(marks.has(slot(name))) << name;
  EXPECT_TRUE(marks.has(Slot{FileId{4}, slot_name("to")}));
  EXPECT_FALSE(marks.has(slot("to")));
  EXPECT_FALSE(marks.has(slot("other")));
}

TEST(Regions, forget_only_what_was_marked_before_the_checkpoint_that_is_durable) {
  Regions regions;
  write(regions, 0, 1);
  regions.checkpoint(Sequence{5});
  write(regions, 10 * region_block_bytes, 1);
  EXPECT_FALSE(regions.may_checkpoint()) << "one at a time";
  regions.durable(Sequence{4});
  EXPECT_FALSE(regions.may_checkpoint()) << "the answer to another one";
  regions.durable(Sequence{5});
  EXPECT_TRUE(regions.may_checkpoint());
  EXPECT_THAT(spans(regions.begin_copy(true)), ElementsAre(changed(10, 1)));
}

TEST(Regions, keep_both_generations_when_the_replica_is_lost) {
  Regions regions;
  write(regions, 0, 1);
  regions.checkpoint(Sequence{5});
  write(regions, 10 * region_block_bytes, 1);
  regions.lost();
  regions.durable(Sequence{5});  // of a connection that is over
  EXPECT_THAT(spans(regions.begin_copy(true)), ElementsAre(changed(0, 1), changed(10, 1)));
}

TEST(Regions, keep_what_an_interrupted_copy_was_to_bring) {
  Regions regions;
  write(regions, 0, 1);
  regions.begin_copy(true);
  write(regions, 10 * region_block_bytes, 1);
  regions.checkpoint(Sequence{9});
  regions.durable(Sequence{9});
  regions.lost();
  EXPECT_THAT(spans(regions.begin_copy(true)), ElementsAre(changed(0, 1)));
  regions.copied();
  regions.lost();
  EXPECT_TRUE(regions.begin_copy(true).is_empty());
}

TEST(Regions, stay_unknown_until_a_copy_of_everything_has_ended) {
  Regions regions;
  EXPECT_TRUE(regions.begin_copy(false).is_everything());
  regions.lost();
  EXPECT_TRUE(regions.begin_copy(true).is_everything());
  regions.copied();
  EXPECT_FALSE(regions.begin_copy(true).is_everything());
}

TEST(Regions, compare_a_file_whose_operation_failed_whatever_was_durable_since) {
  Regions regions;
  write(regions, 0, 1);
  regions.doubt(file);
  regions.checkpoint(Sequence{1});
  regions.durable(Sequence{1});
  EXPECT_THAT(spans(regions.begin_copy(true), 1000), ElementsAre(Span{0, 1000, false}));
}

TEST(Regions, compare_a_file_whole_that_has_too_many_marks_and_everything_when_all_have) {
  Regions regions;
  for (std::uint64_t extent = 0; extent < 70'000; ++extent) write(regions, extent * extent_bytes, 1);
  const Marks& marks = regions.begin_copy(true);
  EXPECT_THAT(spans(marks), ElementsAre(Span{0, large, false}));
  regions.copied();
  for (std::uint64_t each = 1; each < 600'000; ++each) write(regions, 0, 1, FileId{each});
  EXPECT_TRUE(regions.begin_copy(true).is_everything());
}

TEST(Regions, take_the_end_of_the_largest_file_for_what_it_is) {
  Regions regions;
  regions.mark({.op = Op::allocate, .file = file, .offset = 1, .extra = ~std::uint64_t{0}}, {});
  EXPECT_THAT(spans(regions.begin_copy(true), 5000), ElementsAre(Span{0, 5000, false}));
}

TEST(FileMarks, say_what_has_changed_apart_from_what_may_have) {
  FileMarks marks;
  marks.doubtful = {1};
  marks.words[1] = 0b100;
  const std::uint64_t begin = extent_bytes;
  EXPECT_THAT(marks.spans(large),
              ElementsAre(Span{begin, begin + 2 * region_block_bytes, false},
                          Span{begin + 2 * region_block_bytes, begin + 3 * region_block_bytes, true},
                          Span{begin + 3 * region_block_bytes, 2 * extent_bytes, false}));
}

TEST(History, covers_a_difference_only_where_one_copy_came_of_the_other) {
  const HistoryId a{1, 1};
  const HistoryId b{2, 2};
  const HistoryId c{3, 3};
  const Standing primary{true, b, a};
  EXPECT_TRUE(is_difference_known(primary, {false, b, {}}));
  EXPECT_TRUE(is_difference_known(primary, {true, a, {}})) << "the former primary";
  EXPECT_TRUE(is_difference_known(primary, {true, c, b})) << "it went on from what it had of this one";
  EXPECT_FALSE(is_difference_known(primary, {false, a, {}})) << "of the same origin, and later changes unknown";
  EXPECT_FALSE(is_difference_known(primary, {true, b, {}})) << "two that have one name are no two lives";
  EXPECT_FALSE(is_difference_known(primary, {true, c, a})) << "both went on from a third";
  EXPECT_FALSE(is_difference_known(primary, {}));
  EXPECT_FALSE(is_difference_known({true, {}, {}}, {}));
  EXPECT_FALSE(is_difference_known({true, b, {}}, {true, {}, {}}));
}

}  // namespace
}  // namespace clusteragent::filesync
