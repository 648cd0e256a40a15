// <check><splitbrain>: the three ways to decide who goes on, and every way to write them wrongly.
#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

class Splitbrain : public ConfigTest {
 protected:
  void load_check(const std::string& attributes) {
    load_service("<check><splitbrain ident=\"w\" " + attributes + "/></check>");
  }
  void load_with_timeout(const std::string& timeout, const std::string& attributes) {
    load("<safe><service mode=\"mirror\"><heart pulse=\"5\" timeout=\"" + timeout +
         "\"><heartbeat name=\"default\"/></heart><check><splitbrain ident=\"w\" " + attributes +
         "/></check></service></safe>");
  }
};

TEST_F(Splitbrain, reads_the_witness) {
  load_check(R"(exec="witness" arg="192.0.2.13")");
  expect_loaded();
  ASSERT_TRUE(module_ && module_->splitbrain.witness);
  EXPECT_EQ(module_->splitbrain.witness->ident, "w");
  EXPECT_EQ(module_->splitbrain.witness->address.text(), "192.0.2.13");
  EXPECT_EQ(module_->splitbrain.witness->port, 9200);
  EXPECT_TRUE(module_->splitbrain.has_third_voter());
  EXPECT_TRUE(module_->start_refusals.empty());
}

TEST_F(Splitbrain, checks_the_witness) {
  load_check(R"(exec="witness" arg="third.example")");
  expect_one_error("is no address of a witness");
  load_check(R"(exec="wittness" arg="192.0.2.13")");
  expect_one_error(R"(did you mean "witness"?)");
  load_with_timeout("15", R"(exec="witness" arg="192.0.2.13")");
  expect_one_error("leaves no room");
}

TEST_F(Splitbrain, reads_etcd) {
  load_check(R"(exec="etcd" arg="https://192.0.2.5:2379 https://[2001:db8::6]:4001" etcd_prefix="ha/votes"
      etcd_ca="/etc/ca.pem" etcd_cert="/etc/node.pem" etcd_key="/etc/node.key" etcd_user_file="/etc/etcd.user")");
  expect_loaded();
  ASSERT_TRUE(module_ && module_->splitbrain.etcd);
  const EtcdConfig& etcd = *module_->splitbrain.etcd;
  ASSERT_EQ(etcd.endpoints.size(), 2U);
  EXPECT_EQ(etcd.endpoints[0].url, "https://192.0.2.5:2379");
  EXPECT_TRUE(etcd.endpoints[0].is_secure);
  EXPECT_EQ(etcd.endpoints[1].address.text(), "2001:db8::6");
  EXPECT_EQ(etcd.endpoints[1].port, 4001);
  EXPECT_EQ(etcd.prefix, "ha/votes");
  EXPECT_EQ(etcd.ca_file, "/etc/ca.pem");
  EXPECT_EQ(etcd.certificate_file, "/etc/node.pem");
  EXPECT_EQ(etcd.key_file, "/etc/node.key");
  EXPECT_EQ(etcd.user_file, "/etc/etcd.user");
  EXPECT_TRUE(module_->splitbrain.has_third_voter());
}

TEST_F(Splitbrain, warns_of_etcd_without_protection) {
  load_check(R"(exec="etcd" arg="http://192.0.2.5:2379")");
  expect_one_warning("without https: whoever is in the network between can give votes");
  EXPECT_EQ(module_->splitbrain.etcd->prefix, "clusteragent");
}

TEST_F(Splitbrain, checks_the_members_of_etcd) {
  for (const std::string wrong : {"192.0.2.5:2379", "https://192.0.2.5", "https://etcd.example:2379",
                                  "https://192.0.2.5:0", "https://192.0.2.5:65536", "https://2001:db8::6:2379",
                                  "https://0.0.0.0:2379", "https://192.0.2.5:2379/v3", "ftp://192.0.2.5:2379"}) {
    load_check("exec=\"etcd\" arg=\"" + wrong + "\"");
    expect_one_error("names \"" + wrong + "\", which is no member of etcd");
  }
  load_check(R"(exec="etcd" arg="https://192.0.2.5:2379 https://192.0.2.5:2379")");
  expect_one_error("names https://192.0.2.5:2379 twice");
  load_check(R"(exec="etcd" arg="https://192.0.2.5:2379 http://192.0.2.6:2379")");
  expect_one_error("mixes http and https");
  std::string many;
  for (int port = 1; port <= 10; ++port) many += "https://192.0.2.5:" + std::to_string(port) + " ";
  load_check("exec=\"etcd\" arg=\"" + many + "\"");
  expect_one_error("1 to 9 of");
}

TEST_F(Splitbrain, checks_what_goes_with_etcd) {
  const std::string etcd = R"(exec="etcd" arg="https://192.0.2.5:2379" )";
  load_check(etcd + R"(etcd_cert="/etc/node.pem")");
  expect_one_error("needs both etcd_cert and etcd_key");
  load_check(etcd + R"(etcd_key="/etc/node.key")");
  expect_one_error("needs both etcd_cert and etcd_key");
  load_check(etcd + R"(etcd_prefix="votes/")");
  expect_one_error("is no prefix of a key");
  load_check(etcd + R"(etcd_certt="/etc/node.pem")");
  expect_one_error(R"(did you mean "etcd_cert")");
  load_check(etcd + R"(port="9200")");
  expect_one_error(R"(goes with exec="witness" only)");
  load_check(R"(exec="witness" arg="192.0.2.13" etcd_ca="/etc/ca.pem")");
  expect_one_error(R"(goes with exec="etcd" only)");
  load_with_timeout("99", etcd);
  expect_one_error("at least 100 ms");
}

TEST_F(Splitbrain, reads_ping_targets_and_says_what_they_cannot_do) {
  load_check(R"(exec="ping" arg="192.0.2.1 192.0.2.2")");
  expect_one_warning("cannot promise that there are never two primaries");
  ASSERT_TRUE(module_->splitbrain.ping);
  ASSERT_EQ(module_->splitbrain.ping->targets.size(), 2U);
  EXPECT_EQ(module_->splitbrain.ping->targets[1].text(), "192.0.2.2");
  EXPECT_FALSE(module_->splitbrain.has_third_voter());
  EXPECT_TRUE(module_->start_refusals.empty());
}

TEST_F(Splitbrain, checks_ping_targets) {
  for (const std::string wrong : {"router.example", "0.0.0.0", "224.0.0.1", "127.0.0.1"}) {
    load_check("arg=\"" + wrong + "\"");
    expect_one_error("names \"" + wrong + "\", which is no address to ask");
  }
  load_check(R"(arg="192.0.2.1 192.0.2.1")");
  expect_one_error("names 192.0.2.1 twice");
  load_check(R"(arg="192.0.2.1 10.0.1.2")");
  expect_one_error(R"(names 10.0.1.2, an address of node "beta": a node always reaches itself)");
}

}  // namespace
}  // namespace clusteragent::config::testing
