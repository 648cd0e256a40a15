#include "modules/mysql_replication/engine/provision/data_directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::mysql {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Exchange : public testing::Test {
 protected:
  Exchange() {
    fill(folder, "old");
    std::ofstream{folder / "debian-10.11.flag"};
    fs::create_directory(folder / "lost+found");
  }
  ~Exchange() override { fs::remove_all(folder); }

  static fs::path make_folder() {
    std::string name = fs::temp_directory_path() / "clusteragent-data-XXXXXX";
    return ::mkdtemp(name.data());
  }
  static void fill(const fs::path& where, const std::string& text) {
    for (const char* name : {"mysql", "shop"}) {
      fs::create_directories(where / name);
      std::ofstream{where / name / "t.ibd"} << text;
    }
    std::ofstream{where / "ibdata1"} << text;
  }
  void receive() {
    ASSERT_TRUE(data.begin_incoming());
    fill(data.incoming(), "new");
    ASSERT_TRUE(data.finish_incoming());
  }
  std::string content(const fs::path& of) const {
    std::ifstream file{of};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  void expect_exchanged() {
    for (const char* name : {"mysql/t.ibd", "shop/t.ibd", "ibdata1"}) {
      EXPECT_EQ("new", content(folder / name)) << name;
      EXPECT_EQ("old", content(data.former() / fs::path{name})) << name;
    }
    EXPECT_FALSE(data.is_being_exchanged());
    EXPECT_FALSE(fs::exists(data.incoming()));
  }

  const fs::path folder = make_folder();
  DataDirectory data{folder};
};

TEST_F(Exchange, keeps_the_former_data_until_they_are_given_up) {
  receive();
  ASSERT_TRUE(data.exchange());
  expect_exchanged();
  EXPECT_TRUE(fs::exists(folder / "debian-10.11.flag"));
  EXPECT_TRUE(fs::exists(folder / "lost+found"));
  data.forget_former();
  EXPECT_FALSE(data.has_former());
}

TEST_F(Exchange, goes_on_wherever_it_was_interrupted) {
  receive();
  // As a crash between two renames leaves it: the system tables have left, the rest has not.
  fs::create_directory(data.former());
  std::ofstream{folder / ".clusteragent-exchange"} << "out";
  fs::rename(folder / "mysql", fs::path{data.former()} / "mysql");
  EXPECT_TRUE(data.is_being_exchanged());
  EXPECT_FALSE(data.is_lost()) << "it is only on its way";
  ASSERT_TRUE(data.exchange());
  expect_exchanged();
}

TEST_F(Exchange, moves_the_system_tables_last) {
  receive();
  fs::create_directory(data.former());
  for (const char* name : {"mysql", "shop", "ibdata1"}) fs::rename(folder / name, fs::path{data.former()} / name);
  std::ofstream{folder / ".clusteragent-exchange"} << "in";
  // What a server that was started in between makes before it finds no tables.
  std::ofstream{folder / "ibdata1"} << "of nobody";
  ASSERT_TRUE(data.exchange());
  expect_exchanged();
}

TEST_F(Exchange, keeps_the_oldest_data_where_a_copy_was_never_verified) {
  receive();
  ASSERT_TRUE(data.exchange());
  std::ofstream{folder / "ibdata1"} << "unverified";
  receive();
  ASSERT_TRUE(data.exchange());
  expect_exchanged();
}

TEST_F(Exchange, knows_data_that_are_gone_from_a_server_that_is_stopped) {
  EXPECT_FALSE(data.is_lost());
  fs::remove_all(folder / "mysql");
  EXPECT_TRUE(data.is_lost());
  EXPECT_TRUE(DataDirectory{folder / "nothing"}.is_lost());
}

TEST_F(Exchange, sees_a_server_that_has_it_open) {
  EXPECT_FALSE(data.is_in_use());
  int ends[2];
  ASSERT_EQ(0, ::pipe(ends));
  const pid_t server = ::fork();
  if (server == 0) {
    const int file = ::open((folder / "ibdata1").c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    ::fcntl(file, F_SETLK, &lock);
    ::write(ends[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char ready = 0;
  ASSERT_EQ(1, ::read(ends[0], &ready, 1));
  EXPECT_TRUE(data.is_in_use());
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  EXPECT_FALSE(data.is_in_use());
}

TEST_F(Exchange, says_how_much_room_it_lacks) {
  EXPECT_TRUE(data.check_room(1000));
  const Status none = data.check_room(std::uint64_t{1} << 60);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("make room"));
  EXPECT_THAT(DataDirectory{"/no/such"}.check_room(1).error().message, HasSubstr("datadir="));
}

}  // namespace
}  // namespace clusteragent::mysql
