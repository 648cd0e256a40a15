// Which processes a <proc> means, over made-up processes.
#include "agent/watch/matcher.hpp"

#include <gmock/gmock.h>

namespace clusteragent::watch {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FakeProcess final : public ProcessFacts {
 public:
  FakeProcess(std::string comm, std::string exe, std::vector<std::string> arguments)
      : comm_{std::move(comm)}, exe_{std::move(exe)}, arguments_{std::move(arguments)} {}
  const std::string& comm() override { return comm_; }
  const std::string& exe() override { return exe_; }
  const std::vector<std::string>& arguments() override {
    ++command_line_reads;
    return arguments_;
  }

  int command_line_reads = 0;

 private:
  std::string comm_;
  std::string exe_;
  std::vector<std::string> arguments_;
};

Matcher matcher(const std::string& name, const std::string& name_regex = "", const std::string& arg_regex = "") {
  ProcRule rule;
  rule.name = name;
  rule.name_regex = name_regex;
  rule.arg_regex = arg_regex;
  auto compiled = Matcher::compile(rule);
  EXPECT_TRUE(compiled.ok());
  return std::move(compiled).value();
}

FakeProcess mariadbd() {
  return {"mariadbd", "mariadbd", {"/usr/sbin/mariadbd", "--datadir=/srv/db 1", "--port=3307"}};
}

TEST(Matcher, compares_the_whole_name) {
  auto process = mariadbd();
  EXPECT_TRUE(matcher("mariadbd").matches(process));
  EXPECT_FALSE(matcher("mariadb").matches(process));
  EXPECT_FALSE(matcher("mariadbd2").matches(process));
  EXPECT_EQ(process.command_line_reads, 0) << "a plain name needs no command line";
}

TEST(Matcher, finds_a_program_that_renamed_itself_by_its_executable) {
  FakeProcess process{"worker", "mysqld", {"worker"}};
  EXPECT_TRUE(matcher("mysqld").matches(process));
  EXPECT_TRUE(matcher("worker").matches(process));
}

TEST(Matcher, completes_names_longer_than_the_kernel_keeps) {
  FakeProcess by_exe{"application-ser", "application-server-one", {"application-server-one"}};
  EXPECT_TRUE(matcher("application-server-one").matches(by_exe));
  EXPECT_FALSE(matcher("application-server-two").matches(by_exe));
  EXPECT_TRUE(matcher("application-ser").matches(by_exe)) << "as configurations written for SafeKit cut it";
  FakeProcess script{"application-ser", "dash", {"/bin/sh", "/opt/application-server-two", "-x"}};
  EXPECT_TRUE(matcher("application-server-two").matches(script));
  EXPECT_FALSE(matcher("application-server-one").matches(script));
}

TEST(Matcher, keeps_a_name_of_exactly_fifteen_characters) {
  FakeProcess process{"fifteen-letters", "fifteen-letters", {"fifteen-letters"}};
  EXPECT_TRUE(matcher("fifteen-letters").matches(process));
}

TEST(Matcher, name_regex_is_an_extended_expression_over_the_full_name_and_name_a_label) {
  auto process = mariadbd();
  EXPECT_TRUE(matcher("database", "^(mysqld|mariadbd)$").matches(process));
  EXPECT_FALSE(matcher("mariadbd", "^mysqld$").matches(process));
  FakeProcess longer{"application-ser", "application-server-one", {}};
  EXPECT_TRUE(matcher("any", "^application-server-(one|two)$").matches(longer));
}

TEST(Matcher, arg_regex_is_over_the_command_line_with_blanks) {
  auto process = mariadbd();
  EXPECT_TRUE(matcher("mariadbd", "", "--datadir=/srv/db 1 --port=3307").matches(process));
  EXPECT_FALSE(matcher("mariadbd", "", "port=3306").matches(process));
  EXPECT_FALSE(matcher("mysqld", "", "port=3307").matches(process)) << "the name has to match as well";
}

TEST(Matcher, refuses_a_wrong_expression_with_rule_and_attribute) {
  ProcRule rule;
  rule.name = "db";
  rule.arg_regex = "(unclosed";
  const auto compiled = Matcher::compile(rule);
  ASSERT_FALSE(compiled.ok());
  EXPECT_THAT(compiled.error().message, AllOf(HasSubstr("db"), HasSubstr("argregex"), HasSubstr("(unclosed")));
}

}  // namespace
}  // namespace clusteragent::watch
