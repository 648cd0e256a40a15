#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/data/filesync/salvage/salvage_sets.hpp"
#include "agent/data/filesync/store/protection.hpp"

namespace clusteragent::filesync {
namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "salvage-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path{path + "/" + name}.parent_path());
    std::ofstream{path + "/" + name} << content;
  }
  std::string path;
};

TEST(SalvageNames, any_byte_survives) {
  std::string all;
  for (int code = 1; code < 256; ++code) all += static_cast<char>(code);
  EXPECT_EQ(unescaped(escaped(all)), all);
  EXPECT_EQ(escaped("a b%c\n\xff/d"), "a%20b%25c%0A%FF/d");
  EXPECT_EQ(unescaped("100%"), std::nullopt);
  EXPECT_EQ(unescaped("%4"), std::nullopt);
  EXPECT_EQ(unescaped("%zz"), std::nullopt);
}

TEST(SalvageNames, none_leads_out_of_the_target) {
  for (const char* inner : {"a", "a/b", "...", "a/.b/c"}) EXPECT_TRUE(is_inner_path(inner)) << inner;
  for (const char* outer : {"", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "./a"})
    EXPECT_FALSE(is_inner_path(outer)) << outer;
  EXPECT_FALSE(is_inner_path(std::string{"a\0b", 3}));
}

TEST(SalvageSets, an_index_gives_files_with_their_ranges_and_nothing_that_leads_elsewhere) {
  const Folder folder;
  const std::string entry = R"("mode":33188,"owner":1,"group":2,"size":9,"modified_ns":7)";
  folder.write("index", "{\"path\":\"a%20b\"," + entry + ",\"data\":1,\"xattrs\":{\"user.k\":\"%00v\"}}\n" +
                            "{\"path\":\"../../etc/passwd\"," + entry + ",\"data\":2}\n" +
                            "{\"data\":1,\"offset\":65536,\"bytes\":10}\n{\"data\":2,\"offset\":0,\"bytes\":1}\n" +
                            "{\"data\":1,\"lost\":true}\n{\"path\":\"torn");
  const auto files = salvaged_files(folder.path);
  ASSERT_TRUE(files.ok()) << files.error().message;
  ASSERT_EQ(files->size(), 1U);
  const SalvagedFile& file = files->front();
  EXPECT_EQ(file.path, "a b");
  EXPECT_EQ(file.xattrs.at("user.k"), (std::string{"\0v", 2}));
  ASSERT_EQ(file.ranges.size(), 1U);
  EXPECT_EQ(file.ranges[0].offset, 65536U);
  EXPECT_TRUE(file.is_lost);
  EXPECT_FALSE(file.is_whole);
}

TEST(SalvageSets, what_is_no_index_is_named) {
  const Folder folder;
  EXPECT_FALSE(salvaged_files(folder.path).ok());
  folder.write("index", "{\"path\":7}\n");
  const auto read = salvaged_files(folder.path);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("{\"path\":7}"), std::string::npos);
}

TEST(SalvageSets, one_that_nobody_writes_any_more_was_interrupted_and_can_be_dropped) {
  const Folder folder;
  folder.write("20260101T000000Z/about.json", R"({"state":"writing","why":"w","directories":["/d%20d"],"files":3})");
  folder.write("stray/file", "no set");
  const auto sets = salvage_sets(folder.path);
  ASSERT_EQ(sets.size(), 1U);
  EXPECT_EQ(sets[0].state, "interrupted");
  EXPECT_EQ(sets[0].directories, std::vector<std::string>{"/d d"});
  EXPECT_FALSE(drop_salvage_set(folder.path, "stray").ok());
  EXPECT_FALSE(drop_salvage_set(folder.path, "..").ok());
  EXPECT_TRUE(drop_salvage_set(folder.path, "20260101T000000Z").ok());
  EXPECT_TRUE(salvage_sets(folder.path).empty());
  EXPECT_TRUE(std::filesystem::exists(folder.path + "/stray/file"));
}

const std::string base = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

TEST(Protection, is_the_directory_itself_once_more_and_read_only) {
  const std::string own = "50 20 8:1 /srv/data /srv/data ro,relatime - ext4 /dev/sda1 rw\n";
  EXPECT_TRUE(is_protection(base + own, "/srv/data"));
  EXPECT_FALSE(is_protection(base, "/srv/data"));
  EXPECT_FALSE(is_protection(base + own, "/srv/other"));
  EXPECT_FALSE(is_protection(base + "50 20 8:1 /srv/data /srv/data rw - ext4 /dev/sda1 rw\n", "/srv/data"));
  EXPECT_FALSE(is_protection(base + "50 20 8:1 /srv/else /srv/data ro - ext4 /dev/sda1 rw\n", "/srv/data"));
  EXPECT_FALSE(is_protection(base + "50 20 8:2 /srv/data /srv/data ro - ext4 /dev/sdb1 rw\n", "/srv/data"));
  // Something else lies on top of it.
  EXPECT_FALSE(is_protection(base + own + "51 50 0:40 / /srv/data rw - fuse x rw\n", "/srv/data"));
}

TEST(Protection, of_a_mount_point_and_of_a_name_with_a_blank) {
  const std::string disk = "30 20 8:2 /vol /srv/my\\040data rw - ext4 /dev/sdb1 rw\n";
  EXPECT_FALSE(is_protection(base + disk, "/srv/my data"));
  EXPECT_TRUE(is_protection(base + disk + "50 30 8:2 /vol /srv/my\\040data ro - ext4 /dev/sdb1 rw\n", "/srv/my data"));
  // The file system itself, mounted read-only by its owner.
  EXPECT_FALSE(is_protection(base + "30 20 8:2 /vol /srv/data ro - ext4 /dev/sdb1 ro\n", "/srv/data"));
}

TEST(SalvageNames, of_several_directories_say_which_one) {
  EXPECT_EQ(salvage_prefix("/srv/data", 1), "");
  EXPECT_EQ(salvage_prefix("/srv/data", 2), "srv/data/");
  EXPECT_TRUE(is_inner_path(salvage_prefix("/srv/data", 2) + "file"));
}

}  // namespace
}  // namespace clusteragent::filesync
