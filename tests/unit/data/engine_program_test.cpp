// Which program mirrors the data, and what keeps a module that needs one from starting.
#include "agent/data/engine_program.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::data {
namespace {

namespace fs = std::filesystem;

class MysqlProgram : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder / "agent");
    fs::create_directories(folder / "modules/mysql_replication");
    write(folder / "accounts", 0600);
    options.accounts_file = folder / "accounts";
  }
  void TearDown() override { fs::remove_all(folder); }

  static void write(const fs::path& path, mode_t mode) {
    std::ofstream{path} << "[agent]\n";
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  std::string agent() const { return folder / "agent/clusteragent"; }
  std::string refusal() const {
    const auto program = mysql_program(options, agent());
    return program ? "" : program.error().message;
  }

  fs::path folder = fs::path{testing::TempDir()} / ("engine_program_test_" + std::to_string(::getpid()));
  MysqlOptions options;
};

TEST_F(MysqlProgram, is_found_in_the_tree_that_it_was_built_in_and_beside_the_agent) {
  write(folder / "modules/mysql_replication/clusteragent-mysql", 0755);
  auto program = mysql_program(options, agent());
  ASSERT_TRUE(program);
  EXPECT_EQ(program->executable, folder / "modules/mysql_replication/clusteragent-mysql");
  EXPECT_EQ(program->arguments, (std::vector<std::string>{"clusteragent-mysql"}));
  write(folder / "agent/clusteragent-mysql", 0755);
  program = mysql_program(options, agent());
  ASSERT_TRUE(program);
  EXPECT_EQ(program->executable, folder / "agent/clusteragent-mysql");
}

TEST_F(MysqlProgram, is_told_everything_with_its_unit) {
  write(folder / "agent/clusteragent-mysql", 0755);
  options.module = "m";
  options.node = "alpha";
  options.state_path = "/var/x";
  options.own_address = "192.0.2.1";
  options.peer_address = "192.0.2.2";
  options.port = 3307;
  options.socket = "/run/s";
  options.data_directory = "/data";
  options.start_command = "start it";
  options.stop_command = "stop it";
  options.server_command = "the server";
  options.provisions_errant = true;
  options.drain_limit = std::chrono::seconds{60};
  options.switch_limit = std::chrono::milliseconds{2};
  options.lag_limit = std::chrono::seconds{3};
  options.binlog_bytes_max = 4'000'000;
  options.copy_port = 9010;
  options.copy_bytes_per_second = 5000;
  options.keys = {{"one", {}}};
  options.replicas = {{"192.0.2.7", 3308, "192.0.3.1", "192.0.3.2"}};
  const auto program = mysql_program(options, agent());
  ASSERT_TRUE(program);
  EXPECT_EQ(program->configuration, (Json{{"do", "configure"},
                                          {"module", "m"},
                                          {"node", "alpha"},
                                          {"state_path", "/var/x"},
                                          {"own_address", "192.0.2.1"},
                                          {"peer_address", "192.0.2.2"},
                                          {"port", 3307},
                                          {"socket", "/run/s"},
                                          {"user_file", options.accounts_file},
                                          {"semi_sync", true},
                                          {"errant", "provision"},
                                          {"drain_limit_ns", 60'000'000'000},
                                          {"switch_limit_ns", 2'000'000},
                                          {"lag_limit_ms", 3000},
                                          {"binlog_bytes_max", 4'000'000},
                                          {"copy_port", 9010},
                                          {"copy_bytes_per_second", 5000},
                                          {"keys", to_json(options.keys)},
                                          {"data_directory", "/data"},
                                          {"start_command", "start it"},
                                          {"stop_command", "stop it"},
                                          {"server_command", "the server"},
                                          {"replicas",
                                           {{{"address", "192.0.2.7"},
                                             {"port", 3308},
                                             {"own_address", "192.0.3.1"},
                                             {"peer_address", "192.0.3.2"}}}}}));
  options.provisions_errant = false;
  EXPECT_EQ(mysql_program(options, agent())->configuration.at("errant"), "ask");
}

TEST_F(MysqlProgram, is_asked_for_by_its_name_where_it_is_missing) {
  if (::access("/usr/lib/clusteragent/clusteragent-mysql", X_OK) == 0) GTEST_SKIP() << "it is installed here";
  EXPECT_NE(refusal().find("<mysqlreplication> needs clusteragent-mysql"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("build and install it"), std::string::npos) << refusal();
}

TEST_F(MysqlProgram, gets_no_passwords_that_others_may_read) {
  write(folder / "agent/clusteragent-mysql", 0755);
  for (const mode_t mode : {mode_t{0640}, mode_t{0604}, mode_t{0610}, mode_t{0666}}) {
    ASSERT_EQ(::chmod(options.accounts_file.c_str(), mode), 0);
    EXPECT_NE(refusal().find("others may read it"), std::string::npos) << refusal();
    EXPECT_NE(refusal().find("chmod 0600 " + options.accounts_file), std::string::npos) << refusal();
  }
  for (const mode_t mode : {mode_t{0600}, mode_t{0400}}) {
    ASSERT_EQ(::chmod(options.accounts_file.c_str(), mode), 0);
    EXPECT_EQ(refusal(), "");
  }
}

TEST_F(MysqlProgram, needs_the_accounts_in_a_file) {
  write(folder / "agent/clusteragent-mysql", 0755);
  options.accounts_file = folder / "agent";
  EXPECT_NE(refusal().find("is no file"), std::string::npos) << refusal();
  options.accounts_file = folder / "none";
  EXPECT_NE(refusal().find("clusteragent mysql init"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace clusteragent::data
