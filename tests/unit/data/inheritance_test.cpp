// What an engine leaves in memory to the next one: read back through another mapping, as after its death.
#include "agent/data/filesync/fuse/inheritance.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace clusteragent::filesync::fuse {
namespace {

FileHandle handle(std::size_t bytes) {
  return FileHandle{std::vector<std::byte>(bytes, std::byte{7})};
}

class InheritanceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Inheritance::make();
    ASSERT_TRUE(made);
    former = *made;
  }
  /// What the next engine sees.
  std::shared_ptr<Inheritance> next() {
    auto taken = Inheritance::take(platform::Fd{::dup(former->memory())});
    EXPECT_TRUE(taken);
    return taken ? *taken : nullptr;
  }
  std::shared_ptr<Inheritance> former;
};

TEST_F(InheritanceTest, is_usable_once_the_kernel_has_said_so_and_until_it_is_spoilt) {
  EXPECT_FALSE(next()->is_usable());
  former->set_usable();
  EXPECT_TRUE(next()->is_usable());
  former->spoil();
  EXPECT_FALSE(next()->is_usable());
}

TEST_F(InheritanceTest, of_another_layout_is_refused) {
  const char other = 'x';
  ASSERT_EQ(::pwrite(former->memory(), &other, 1, 0), 1);
  EXPECT_FALSE(Inheritance::take(platform::Fd{::dup(former->memory())}));
  EXPECT_FALSE(Inheritance::take(platform::Fd{::dup(STDIN_FILENO)}));
}

TEST_F(InheritanceTest, keeps_files_until_they_are_removed) {
  KnownFile* one = former->add_file(FileId{11}, handle(20), S_IFREG, true);
  KnownFile* two = former->add_file(FileId{12}, handle(handle_bytes_max), S_IFDIR, false);
  ASSERT_TRUE(one != nullptr && two != nullptr);
  one->lookups = 3;
  former->remove_file(two);
  const auto heir = next();
  const auto files = heir->files();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].file, 11U);
  EXPECT_EQ(files[0].lookups, 3U);
  EXPECT_EQ(files[0].handle_bytes, 20U);
  EXPECT_EQ(files[0].is_local, 1U);
  EXPECT_EQ(files[1].file, 0U);
  EXPECT_EQ(heir->add_file(FileId{13}, handle(20), S_IFREG, false), &heir->files()[1]) << "where there is room";
}

TEST_F(InheritanceTest, is_spoilt_by_a_handle_that_does_not_fit) {
  former->set_usable();
  EXPECT_EQ(former->add_file(FileId{11}, handle(handle_bytes_max + 1), S_IFREG, false), nullptr);
  EXPECT_FALSE(former->is_usable());
}

TEST_F(InheritanceTest, gives_no_handle_of_an_open_file_twice) {
  KnownOpen* first = former->add_open(FileId{11}, 100, 0, false);
  const std::uint64_t before = first->handle;
  former->remove_open(first);
  const auto heir = next();
  KnownOpen* second = heir->add_open(FileId{12}, 101, 0, false);
  EXPECT_EQ(Inheritance::place_of(second->handle), Inheritance::place_of(before)) << "its place is free";
  EXPECT_NE(second->handle, before);
  EXPECT_NE(second->handle, 0U);
}

TEST_F(InheritanceTest, tells_what_was_under_way_and_how_far) {
  Undertaking* looking = former->begin(1, 10);
  looking->note_lookup(FileId{5});
  Undertaking* begun = former->begin(2, 20);
  begun->set_new_name("new");
  begun->begin(FileId{6}, "name");
  Undertaking* done = former->begin(3, 30);
  const std::array<std::byte, 2> reply{std::byte{1}, std::byte{2}};
  done->finish(reply);
  Undertaking* over = former->begin(4, 40);
  former->end(over);
  const auto left = next()->take_undertakings();
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].state, Undertaking::looking);
  EXPECT_EQ(left[0].lookups_count, 1U);
  EXPECT_EQ(left[0].lookups[0], 5U);
  EXPECT_EQ(left[1].state, Undertaking::begun);
  EXPECT_EQ(left[1].folder, 6U);
  EXPECT_STREQ(left[1].name.data(), "name");
  EXPECT_STREQ(left[1].new_name.data(), "new");
  EXPECT_EQ(left[2].state, Undertaking::done);
  EXPECT_EQ(left[2].reply_bytes, 2U);
  EXPECT_EQ(left[2].reply[1], std::byte{2});
  EXPECT_TRUE(next()->take_undertakings().empty()) << "taken once";
}

TEST_F(InheritanceTest, begins_each_undertaking_with_nothing_of_the_one_before) {
  Undertaking* one = former->begin(1, 10);
  one->note_lookup(FileId{5});
  one->begin(FileId{6}, std::string(400, 'n'));
  EXPECT_EQ(std::string{one->name.data()}.size(), name_bytes_max - 1);
  former->end(one);
  const Undertaking* two = former->begin(2, 20);
  EXPECT_EQ(one, two);
  EXPECT_EQ(two->state, Undertaking::looking);
  EXPECT_EQ(two->lookups_count, 0U);
}

}  // namespace
}  // namespace clusteragent::filesync::fuse
