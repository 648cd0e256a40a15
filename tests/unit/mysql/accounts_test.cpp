#include "modules/mysql_replication/engine/server/accounts.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::mysql {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AccountsFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path); }
  Result<Accounts> read(const std::string& text, mode_t mode = 0600) const {
    std::ofstream{path} << text;
    ::chmod(path.c_str(), mode);
    return read_accounts(path);
  }
  const std::string path = testing::TempDir() + "accounts-" + std::to_string(::getpid());
};

constexpr const char* good =
    "# ours\n[agent]\nuser = watcher\npassword = a=b c#d\n\n[replication]\nuser=copy\npassword=\n";

TEST_F(AccountsFile, is_read) {
  const auto accounts = read(good);
  ASSERT_TRUE(accounts) << accounts.error().message;
  EXPECT_EQ("watcher", accounts->agent.user);
  EXPECT_EQ("a=b c#d", accounts->agent.password);
  EXPECT_EQ("copy", accounts->replication.user);
  EXPECT_EQ("", accounts->replication.password);
}

TEST_F(AccountsFile, has_one_of_its_own_for_further_replicas_where_it_is_written) {
  EXPECT_EQ("watcher", read(good)->replicas.user) << "else the agent's";
  EXPECT_EQ("a=b c#d", read(good)->replicas.password);
  const auto accounts = read(std::string{good} + "[replicas]\nuser=far\npassword=hidden\n");
  EXPECT_EQ("far", accounts->replicas.user);
  EXPECT_EQ("hidden", accounts->replicas.password);
  EXPECT_EQ("watcher", accounts->agent.user);
  EXPECT_THAT(read(std::string{good} + "[replicas]\npassword=hidden\n").error().message,
              AllOf(HasSubstr("[replicas] has no user"), Not(HasSubstr("hidden"))));
}

TEST_F(AccountsFile, that_others_can_read_is_refused) {
  for (const mode_t mode : {0640U, 0604U, 0660U, 0601U}) {
    const auto accounts = read(good, mode);
    ASSERT_FALSE(accounts) << mode;
    EXPECT_THAT(accounts.error().message, HasSubstr("chmod 600"));
  }
}

TEST_F(AccountsFile, says_which_line_is_wrong_and_no_password) {
  for (const auto& [text, place] : {std::pair{"user=x\n", "line 1"},
                                    {"[agent]\nuser=x\npasword=secret\n", "line 3: 'pasword'"},
                                    {"[agent]\nsecret\n", "line 2"},
                                    {"[agent]\nuser=x\npassword=secret\n", "[replication] has no user"}}) {
    const auto accounts = read(text);
    ASSERT_FALSE(accounts) << text;
    EXPECT_THAT(accounts.error().message, AllOf(HasSubstr(place), HasSubstr(path), Not(HasSubstr("secret"))));
  }
  EXPECT_THAT(read_accounts("/nowhere/accounts").error().message, HasSubstr("mysql init"));
}

}  // namespace
}  // namespace clusteragent::mysql
