// `clusteragent config`: which files are checked against what, and the exit codes.
#include <gmock/gmock.h>

#include "agent/cli/program.hpp"
#include "tests/integration/control/agent_stub.hpp"

namespace clusteragent::test {
namespace {

using testing::HasSubstr;

constexpr const char* cluster_text =
    "<?xml version=\"1.0\"?>\n<!-- <safe> in a comment -->\n<cluster><lans><lan name=\"default\">"
    "<node name=\"node1\" addr=\"192.0.2.1\"/><node name=\"node2\" addr=\"192.0.2.2\"/></lan></lans></cluster>\n";
constexpr const char* module_text =
    "<!DOCTYPE safe>\n<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart></service></safe>\n";

class ConfigVerb : public testing::Test {
 protected:
  ConfigVerb() : root_{"config"} { ::unsetenv("SAFEMODULE"); }

  int run(std::vector<std::string> words) {
    words.insert(words.begin(), {"clusteragent", "--root", root_.path(), "config"});
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = cli::run_program(static_cast<int>(arguments.size()), arguments.data(), {}, {});
    std::fflush(stdout);
    out_ = testing::internal::GetCapturedStdout();
    error_ = testing::internal::GetCapturedStderr();
    return code;
  }

  std::string file(const std::string& name, const std::string& text) {
    root_.write(root_.path() + "/" + name, text);
    return root_.path() + "/" + name;
  }

  TemporaryRoot root_;
  std::string out_;
  std::string error_;
};

TEST_F(ConfigVerb, checks_the_whole_node) {
  EXPECT_EQ(run({"check"}), 5) << "nothing is there";
  root_.write(root_.paths().user_config("web"), module_text);
  EXPECT_EQ(run({"check"}), 5);
  EXPECT_THAT(error_, HasSubstr("cluster.xml is missing"));
  root_.write(root_.paths().cluster_file(), cluster_text);
  EXPECT_EQ(run({"check"}), 0) << error_;
}

TEST_F(ConfigVerb, checks_a_file_by_itself_where_there_is_no_cluster) {
  EXPECT_EQ(run({"check", file("userconfig.xml", module_text)}), 0) << error_;
  EXPECT_THAT(out_, HasSubstr("userconfig.xml: in order"));
}

TEST_F(ConfigVerb, knows_a_cluster_file_by_its_content_and_checks_the_others_against_it) {
  const std::string cluster = file("any_name.xml", cluster_text);
  EXPECT_EQ(run({"check",
                 file("other.xml",
                      "<safe><service mode=\"mirror\"><heart><heartbeat name=\"nowhere\"/>"
                      "</heart></service></safe>"),
                 cluster}),
            5);
  EXPECT_THAT(error_, HasSubstr("nowhere"));
  EXPECT_EQ(run({"check", cluster}), 0) << error_;
}

TEST_F(ConfigVerb, names_every_mistake_with_its_place) {
  EXPECT_EQ(run({"check", file("u.xml",
                               "<safe><service mode=\"mirro\" maxlop=\"3\"><heart pulse=\"x\">"
                               "<heartbeat name=\"default\"/></heart></service></safe>")}),
            5);
  for (const char* mistake : {"u.xml:1:", "mirro", "maxlop", "pulse"}) EXPECT_THAT(error_, HasSubstr(mistake));
}

TEST_F(ConfigVerb, says_of_an_unreadable_file_that_it_is_unreadable) {
  EXPECT_EQ(run({"check", root_.path() + "/none.xml"}), 5);
  EXPECT_THAT(error_, HasSubstr("none.xml"));
}

TEST_F(ConfigVerb, shows_effective_values) {
  root_.write(root_.paths().user_config("web"), module_text);
  root_.write(root_.paths().cluster_file(), cluster_text);
  EXPECT_EQ(run({"show"}), 0) << error_;
  EXPECT_THAT(out_, HasSubstr("heart.pulse"));
  EXPECT_THAT(out_, HasSubstr("# hash that both nodes compare: "));
  EXPECT_EQ(run({"show", "--json"}), 0);
  EXPECT_TRUE(control::Json::accept(out_));
}

}  // namespace
}  // namespace clusteragent::test
