#include "agent/control/paths.hpp"

#include <gtest/gtest.h>

namespace clusteragent::control {
namespace {

TEST(Paths, lie_where_the_manual_says) {
  const Paths paths;
  EXPECT_EQ(paths.cluster_file(), "/etc/clusteragent/cluster.xml");
  EXPECT_EQ(paths.user_config("web"), "/etc/clusteragent/modules/web/userconfig.xml");
  EXPECT_EQ(paths.socket("web"), "/run/clusteragent/web/control.sock");
  EXPECT_EQ(paths.state_file("web"), "/var/lib/clusteragent/web/state");
}

TEST(Paths, put_everything_under_the_root) {
  const Paths paths{"/tmp/a"};
  for (const std::string& path : {paths.cluster_file(), paths.key_file(), paths.bin_dir("m"), paths.state_file("m"),
                                  paths.socket("m"), paths.log_file("m")}) {
    EXPECT_TRUE(path.starts_with("/tmp/a/")) << path;
  }
}

TEST(Paths, accept_no_name_that_leaves_the_directory_or_looks_like_an_option) {
  for (const char* name : {"", "..", ".", "a/b", "-m", "a b", "a\nb", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(is_module_name(name)) << name;
  }
  for (const char* name : {"mysql", "mysql_2", "A-b", "aaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_TRUE(is_module_name(name)) << name;
}

}  // namespace
}  // namespace clusteragent::control
