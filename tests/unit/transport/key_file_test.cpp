#include "agent/transport/key_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::transport {
namespace {

using testing::HasSubstr;

class KeyFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "clusteragent-key-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    file = (folder / "cluster.key").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string& text, mode_t mode) {
    std::ofstream{file} << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  mode_t mode() {
    struct stat facts {};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0);
    return facts.st_mode & 07777;
  }

  std::filesystem::path folder;
  std::string file;
  wire::Key key = wire::generate_key();
};

TEST_F(KeyFileTest, gives_back_what_was_saved_and_keeps_it_private) {
  ASSERT_TRUE(save_key(file, key, false));
  EXPECT_EQ(*load_key(file), key);
  EXPECT_EQ(mode(), mode_t{0600});
}

TEST_F(KeyFileTest, that_is_missing_names_the_command_that_makes_it) {
  const auto missing = load_key(file);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("clusteragent keygen"));
  EXPECT_THAT(missing.error().message, HasSubstr(file));
}

TEST_F(KeyFileTest, that_others_may_read_is_refused_with_the_remedy) {
  for (const mode_t wrong : {mode_t{0640}, mode_t{0604}, mode_t{0602}, mode_t{0777}}) {
    write(wire::format_key(key), wrong);
    const auto open = load_key(file);
    ASSERT_FALSE(open) << wrong;
    EXPECT_THAT(open.error().message, HasSubstr("chmod 600 " + file));
  }
  write(wire::format_key(key), 0400);
  EXPECT_TRUE(load_key(file)) << "stricter is welcome";
}

TEST_F(KeyFileTest, of_another_user_is_refused_with_the_remedy) {
  write(wire::format_key(key), 0600);
  if (::geteuid() != 0) GTEST_FAIL() << "needs root, to give the file away";
  ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
  const auto open = load_key(file);
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().message, HasSubstr("chown"));
}

TEST_F(KeyFileTest, that_holds_no_key_is_refused) {
  for (const std::string& text : {std::string{}, std::string{"secret\n"}, std::string(5000, 'a')}) {
    write(text, 0600);
    EXPECT_FALSE(load_key(file));
  }
}

TEST_F(KeyFileTest, is_not_replaced_unasked) {
  ASSERT_TRUE(save_key(file, key, false));
  const Status again = save_key(file, wire::generate_key(), false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  EXPECT_EQ(*load_key(file), key);
  ASSERT_TRUE(save_key(file, wire::generate_key(), true));
  EXPECT_NE(*load_key(file), key);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder}, {}), 1) << "nothing is left over";
}

TEST_F(KeyFileTest, cannot_be_saved_where_there_is_no_folder) {
  EXPECT_FALSE(save_key((folder / "no" / "cluster.key").string(), key, false));
}

}  // namespace
}  // namespace clusteragent::transport
