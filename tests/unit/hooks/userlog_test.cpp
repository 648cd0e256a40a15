// Names of userlogs, which of them go, and the cut of one that grew too long.
#include "agent/hooks/userlog.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace clusteragent::hooks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::tm moment() {
  std::tm local{};
  local.tm_year = 126;
  local.tm_mon = 10;
  local.tm_mday = 21;
  local.tm_hour = 7;
  local.tm_min = 5;
  local.tm_sec = 9;
  return local;
}

TEST(UserlogName, has_date_time_and_script) {
  EXPECT_EQ(userlog_name(moment(), 7, "start_prim"), "userlog_2026-11-21T070509.007_start_prim.ulog");
}

TEST(UserlogName, gives_the_script_back) {
  EXPECT_EQ(userlog_script(userlog_name(moment(), 7, "stop_prim")), "stop_prim");
  EXPECT_EQ(userlog_script("userlog_x.ulog"), "");
  EXPECT_EQ(userlog_script("userlog_2026-11-21T070509.007_.ulog"), "");
  EXPECT_EQ(userlog_script("state.json"), "");
}

TEST(SurplusUserlogs, are_the_oldest_but_never_a_scripts_newest) {
  const std::string old_start = "userlog_2026-01-01T000000.000_start_prim.ulog";
  const std::string transition1 = "userlog_2026-01-02T000000.000_transition.ulog";
  const std::string transition2 = "userlog_2026-01-03T000000.000_transition.ulog";
  const std::string transition3 = "userlog_2026-01-04T000000.000_transition.ulog";
  EXPECT_THAT(surplus_userlogs({transition3, old_start, transition1, "notes.txt", transition2}, 2),
              ElementsAre(transition1, transition2));
  EXPECT_THAT(surplus_userlogs({old_start, transition1, "notes.txt"}, 2), IsEmpty());
}

class ShrinkUserlog : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "userlog.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/userlog_2026-01-01T000000.000_start_prim.ulog";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string content() const {
    std::ostringstream text;
    text << std::ifstream{path_}.rdbuf();
    return text.str();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ShrinkUserlog, leaves_a_short_file_alone) {
  std::ofstream{path_} << "short\n";
  EXPECT_TRUE(shrink_userlog(path_, 100).ok());
  EXPECT_EQ(content(), "short\n");
}

TEST_F(ShrinkUserlog, keeps_the_last_half_and_says_so_and_writers_go_on_at_the_end) {
  const Fd writer{::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)};
  for (int i = 0; i < 100; ++i) ASSERT_EQ(::write(writer.number(), "0123456789\n", 11), 11);
  EXPECT_TRUE(shrink_userlog(path_, 1000).ok());
  ASSERT_EQ(::write(writer.number(), "after\n", 6), 6);
  EXPECT_LE(content().size(), 1000U);
  EXPECT_THAT(content(), HasSubstr("earlier bytes were dropped]\n0123456789\n"));
  EXPECT_TRUE(content().ends_with("0123456789\nafter\n"));
}

TEST_F(ShrinkUserlog, follows_no_link) {
  const std::string target = directory_ + "/target";
  std::ofstream{target} << std::string(1000, 'x');
  std::filesystem::create_symlink(target, path_);
  EXPECT_FALSE(shrink_userlog(path_, 10).ok());
  EXPECT_EQ(std::filesystem::file_size(target), 1000U);
}

TEST_F(ShrinkUserlog, keeper_makes_its_directory_and_distinct_names_and_removes_the_oldest) {
  UserlogKeeper keeper{directory_ + "/deep/er", 1000, 3};
  std::vector<std::string> paths;
  for (int i = 0; i < 6; ++i) {
    auto userlog = keeper.create("transition");
    ASSERT_TRUE(userlog.ok()) << userlog.error().message;
    paths.push_back(userlog->path);
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{directory_ + "/deep/er"}) ++files;
  EXPECT_EQ(files, 3U);
  EXPECT_TRUE(std::filesystem::exists(paths.back()));
  EXPECT_FALSE(std::filesystem::exists(paths.front()));
}

}  // namespace
}  // namespace clusteragent::hooks
