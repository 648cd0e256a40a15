#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

class ClusterFile : public ConfigTest {
 protected:
  void load_lan(const std::string& nodes) {
    load_cluster("<cluster><lans><lan name=\"default\">" + nodes + "</lan></lans></cluster>");
  }
  void expect_refused(const std::string& part) const {
    EXPECT_FALSE(has_cluster_);
    EXPECT_NE(joined(diagnostics_).find(part), std::string::npos) << joined(diagnostics_);
  }
  MachineIdentity machine(const std::string& wanted, const std::string& host,
                          std::vector<std::string> addresses) const {
    MachineIdentity out{wanted, host, {}};
    for (const std::string& address : addresses) out.local_addresses.push_back(*IpAddress::parse(address));
    return out;
  }
};

TEST_F(ClusterFile, numbers_nodes_in_the_order_of_the_file) {
  EXPECT_EQ(cluster_.nodes, (std::vector<std::string>{"alpha", "beta"}));
  EXPECT_EQ(cluster_.find_node("beta"), NodeId{1});
  EXPECT_EQ(cluster_.find_lan("private")->find("alpha")->address.text(), "10.0.2.1");
}

TEST_F(ClusterFile, accepts_what_is_obsolete_with_a_warning) {
  load_cluster(R"(<cluster><lans port="4800" pulse="250"><lan name="default" console="on" framework="on" command="on">
      <node name="a" addr="10.0.0.1"/><node name="b" addr="10.0.0.2"/></lan></lans></cluster>)");
  EXPECT_TRUE(has_cluster_);
  EXPECT_EQ(diagnostics_.size(), 4U) << joined(diagnostics_);
  for (const Diagnostic& diagnostic : diagnostics_) EXPECT_EQ(diagnostic.severity, Severity::warning);
}

TEST_F(ClusterFile, takes_names_of_hosts_but_advises_addresses) {
  load_lan(R"(<node name="a" addr="a.example.org"/><node name="b" addr="10.0.0.2"/>)");
  EXPECT_TRUE(has_cluster_);
  ASSERT_EQ(diagnostics_.size(), 1U);
  EXPECT_NE(diagnostics_[0].message.find("an IP address always works"), std::string::npos);
}

TEST_F(ClusterFile, takes_ipv6_in_brackets_and_translated_addresses) {
  load_lan(R"(<node name="a" addr="[2001:db8::1]"/><node name="b" addr="2001:db8::2" laddr="fd00::2"/>)");
  EXPECT_TRUE(has_cluster_);
  EXPECT_EQ(cluster_.lans[0].nodes[0].local_address.text(), "2001:db8::1");
  EXPECT_EQ(cluster_.lans[0].nodes[1].local_address.text(), "fd00::2");
}

TEST_F(ClusterFile, refuses_what_cannot_be) {
  load_lan(R"(<node name="a" addr="10.0.0.1"/><node name="a" addr="10.0.0.2"/>)");
  expect_refused(R"(<node name="a"> stands there a second time)");
  load_lan(R"(<node name="a" addr="10.0.0.1"/><node name="b" addr="10.0.0.1"/>)");
  expect_refused("is the address of node \"a\", too");
  load_lan(R"(<node name="a" addr="10.0.0.1"/><node name="b" addr="2001:db8::1"/>)");
  expect_refused("is of another family");
  load_lan(R"(<node name="a" addr="10.0.0.256"/>)");
  expect_refused("is neither an IP address nor a host name");
  load_lan(R"(<node name="a"/>)");
  expect_refused("<node> lacks the attribute \"addr\"");
  load_lan("");
  expect_refused("<lan> has no <node>");
  load_cluster("<safe/>");
  expect_refused("this is a userconfig.xml");
}

TEST_F(ClusterFile, finds_the_own_node_by_option_name_and_address) {
  EXPECT_EQ(*own_node(cluster_, machine("beta", "alpha", {"10.0.1.1"})), NodeId{1});
  EXPECT_EQ(*own_node(cluster_, machine("", "beta", {"10.0.1.1"})), NodeId{1});
  EXPECT_EQ(*own_node(cluster_, machine("", "beta.example.org", {})), NodeId{1});
  EXPECT_EQ(*own_node(cluster_, machine("", "other", {"127.0.0.1", "10.0.2.2"})), NodeId{1});
}

TEST_F(ClusterFile, refuses_to_guess_the_own_node) {
  EXPECT_NE(own_node(cluster_, machine("", "other", {"10.0.1.1", "10.0.2.2"})).error().message.find("alpha, beta"),
            std::string::npos);
  EXPECT_NE(own_node(cluster_, machine("", "other", {"10.9.9.9"})).error().message.find("--node"), std::string::npos);
  EXPECT_FALSE(own_node(cluster_, machine("gamma", "alpha", {})).ok());
  load_lan(R"(<node name="a.x" addr="10.0.0.1"/><node name="a.y" addr="10.0.0.2"/>)");
  EXPECT_FALSE(own_node(cluster_, machine("", "a", {})).ok());
  EXPECT_EQ(*own_node(cluster_, machine("", "a.y", {})), NodeId{1});
}

TEST_F(ClusterFile, gives_the_paths_of_a_module_from_both_sides) {
  load(R"(<safe><service mode="mirror"><heart port="9000"><heartbeat name="private" ident="flow" pulse="10" )"
       R"(timeout="50"/>
      <heartbeat name="default"/></heart></service></safe>)");
  ASSERT_TRUE(module_);
  const auto paths = heartbeat_paths(*module_, cluster_, NodeId{1});
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(paths[0].ident, "flow");
  EXPECT_EQ(paths[0].local.text(), "10.0.2.2");
  EXPECT_EQ(paths[0].peer.text(), "10.0.2.1");
  EXPECT_EQ(paths[0].port, 9000);
  EXPECT_EQ(paths[0].pulse, std::chrono::milliseconds{10});
  EXPECT_EQ(paths[1].path, PathId{1});
  EXPECT_EQ(heartbeat_paths(*module_, cluster_, NodeId{0})[1].local.text(), "10.0.1.1");
}

}  // namespace
}  // namespace clusteragent::config::testing
