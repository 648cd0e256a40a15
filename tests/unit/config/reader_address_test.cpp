// where="secondary": addresses for clients that only read, and where they cannot be.
#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

const std::string primary = R"(<virtual_addr addr="10.0.1.100" where="one_side_alias"/>)";
const std::string readers =
    "\n"
    R"(<virtual_addr addr="10.0.1.101" where="secondary"/>)";

class ReaderAddresses : public ConfigTest {
 protected:
  void load_addresses(const std::string& addresses, const std::string& beside = {}) {
    load_service("<vip><interface_list><interface><real_interface>" + addresses +
                 "</real_interface></interface></interface_list></vip>" + beside);
  }
};

TEST_F(ReaderAddresses, go_with_servers_that_replicate_to_each_other) {
  load_addresses(primary + readers, R"(<mysqlreplication reader_lag_limit="2s"/>)");
  expect_loaded();
  ASSERT_TRUE(module_);
  EXPECT_TRUE(module_->has_reader_address());
  EXPECT_EQ(module_->mysql->reader_lag_limit, std::chrono::seconds{2});
  ASSERT_EQ(module_->interfaces.front().addresses.size(), 2U);
  EXPECT_FALSE(module_->interfaces.front().addresses[0].is_for_readers);
  EXPECT_TRUE(module_->interfaces.front().addresses[1].is_for_readers);
}

TEST_F(ReaderAddresses, go_with_a_module_without_data) {
  load_addresses(primary + readers);
  expect_loaded();
  EXPECT_TRUE(module_ && module_->has_reader_address());
  load_addresses(primary);
  EXPECT_TRUE(module_ && !module_->has_reader_address());
}

TEST_F(ReaderAddresses, have_a_limit_of_ten_seconds) {
  load_addresses(primary + readers, "<mysqlreplication/>");
  ASSERT_TRUE(module_);
  EXPECT_EQ(module_->mysql->reader_lag_limit, std::chrono::seconds{10});
}

TEST_F(ReaderAddresses, do_not_go_with_mirrored_directories) {
  load_addresses(primary + readers,
                 "\n"
                 R"(<rfs><replicated dir="/srv/data"/></rfs>)");
  expect_one_error(
      R"(userconfig.xml:3:33: error: <virtual_addr where="secondary"> cannot go with <rfs> of line 4: what the )"
      "secondary has in a mirrored directory is not served there");
}

TEST_F(ReaderAddresses, need_an_address_of_the_primary) {
  load_addresses(readers);
  expect_one_error(R"(3:33: error: <virtual_addr where="secondary"> needs an address of the primary beside it)");
}

TEST_F(ReaderAddresses, are_named_among_what_is_allowed) {
  load_addresses(R"(<virtual_addr addr="10.0.1.100" where="secundary"/>)");
  expect_one_error("secondary");
}

}  // namespace
}  // namespace clusteragent::config::testing
