#include "agent/cli/log_reader.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::cli {
namespace {

using testing::ElementsAre;

class LogReaderTest : public testing::Test {
 protected:
  LogReaderTest() : folder_{std::filesystem::temp_directory_path() / ("log_reader_" + std::to_string(::getpid()))} {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~LogReaderTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name = "module.log") const { return folder_ / name; }
  void append(const std::string& text, const char* name = "module.log") const {
    std::ofstream{path(name), std::ios::app} << text;
  }
  void rotate() const { std::filesystem::rename(path(), path("module.1.log")); }

 private:
  std::filesystem::path folder_;
};

TEST_F(LogReaderTest, shows_the_newest_lines) {
  append("one\ntwo\nthree\n");
  LogReader reader{path()};
  EXPECT_THAT(*reader.last_lines(2), ElementsAre("two", "three"));
}

TEST_F(LogReaderTest, reaches_back_into_rotated_files) {
  append("one\n", "module.2.log");
  append("two\n", "module.1.log");
  append("three\n");
  LogReader reader{path()};
  EXPECT_THAT(*reader.last_lines(10), ElementsAre("one", "two", "three"));
  EXPECT_THAT(*LogReader{path()}.last_lines(2), ElementsAre("two", "three"));
}

TEST_F(LogReaderTest, says_that_there_is_no_log) {
  const auto lines = LogReader{path()}.last_lines(10);
  ASSERT_FALSE(lines.ok());
  EXPECT_EQ(lines.error().code, ErrorCode::unreachable);
}

TEST_F(LogReaderTest, reads_on_by_whole_lines) {
  append("one\ntw");
  LogReader reader{path()};
  EXPECT_THAT(*reader.last_lines(10), ElementsAre("one"));
  EXPECT_EQ(reader.read_on(), "");
  append("o\nthree\n");
  EXPECT_EQ(reader.read_on(), "two\nthree\n");
  EXPECT_EQ(reader.read_on(), "");
}

TEST_F(LogReaderTest, loses_nothing_when_the_file_is_rotated) {
  append("one\n");
  LogReader reader{path()};
  ASSERT_TRUE(reader.last_lines(10).ok());
  append("two\n");
  rotate();
  EXPECT_EQ(reader.read_on(), "two\n") << "the new file is not there yet";
  append("three\n");
  EXPECT_EQ(reader.read_on(), "three\n");
  append("four\n");
  EXPECT_EQ(reader.read_on(), "four\n");
}

TEST_F(LogReaderTest, reads_the_rest_of_the_old_file_before_the_new_one) {
  append("one\n");
  LogReader reader{path()};
  ASSERT_TRUE(reader.last_lines(10).ok());
  append("two\n");
  rotate();
  append("three\n");
  EXPECT_EQ(reader.read_on(), "two\nthree\n");
}

}  // namespace
}  // namespace clusteragent::cli
