// What a node knows of its copy is read back as it was written, or not at all.
#include "agent/data/filesync/store/history_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {
namespace {

namespace fs = std::filesystem;

const Standing standing{true, {0xfedcba9876543210, 1}, {2, 3}};

struct HistoryFileTest : testing::Test {
  HistoryFileTest() {
    std::string name = (fs::temp_directory_path() / "history-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~HistoryFileTest() override { fs::remove_all(folder); }

  std::string content() const {
    std::ifstream in{file().path(), std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void put(const std::string& text) const { std::ofstream{file().path(), std::ios::binary} << text; }
  HistoryFile file() const { return HistoryFile{folder}; }

  std::string folder;
};

TEST_F(HistoryFileTest, reads_back_what_it_wrote_and_forgets_it) {
  EXPECT_EQ(file().read("directory").standing, Standing{});
  ASSERT_TRUE(file().write({standing, 77}, "directory"));
  EXPECT_EQ(file().read("directory").standing, standing);
  EXPECT_EQ(file().read("directory").closed_ns, 77);
  ASSERT_TRUE(file().forget());
  EXPECT_EQ(file().read("directory").standing, Standing{});
  EXPECT_TRUE(file().forget());
}

TEST_F(HistoryFileTest, says_nothing_of_another_directory) {
  ASSERT_TRUE(file().write({standing, 77}, "directory"));
  EXPECT_EQ(file().read("another").standing, Standing{});
}

TEST_F(HistoryFileTest, says_nothing_when_a_byte_is_missing_or_other) {
  ASSERT_TRUE(file().write({standing, 77}, "directory"));
  const std::string whole = content();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    EXPECT_EQ(file().read("directory").standing, Standing{}) << size;
    std::string other = whole;
    other[size] ^= 1;
    put(other);
    EXPECT_EQ(file().read("directory").standing, Standing{}) << size;
  }
}

TEST_F(HistoryFileTest, names_what_was_changed_later_and_is_replicated) {
  for (const char* name : {"a", "own", "z"}) std::ofstream{folder + "/" + name} << "content";
  fs::create_directory(folder + "/inner");
  std::ofstream{folder + "/inner/file"} << "content";
  const platform::Fd root{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const auto exclusion = Exclusion::make({{"own", "", false}});
  const Directory directory{root.number(), &*exclusion};
  const Changes all = changes_since(directory, 0);
  EXPECT_EQ(all.count, 5U);
  EXPECT_EQ(all.first, (std::vector<std::string>{".", "a", "inner", "inner/file", "z"}));
  EXPECT_EQ(changes_since(directory, std::numeric_limits<std::int64_t>::max()).count, 0U);
}

}  // namespace
}  // namespace clusteragent::filesync
