#include "agent/control/permission.hpp"

#include <gtest/gtest.h>

namespace clusteragent::control {
namespace {

constexpr std::uint32_t readers = 990;

TEST(Permission, root_reads_and_acts) {
  EXPECT_TRUE(may_act({0, {0}}, 0));
  EXPECT_TRUE(may_read({0, {0}}, std::nullopt, 0));
}

TEST(Permission, a_member_of_the_group_reads_only) {
  for (const Caller& member : {Caller{1000, {readers}}, Caller{1000, {1000, 27, readers}}}) {
    EXPECT_TRUE(may_read(member, readers, 0));
    EXPECT_FALSE(may_act(member, 0));
  }
}

TEST(Permission, others_get_nothing) {
  const Caller stranger{1000, {1000, 27}};
  EXPECT_FALSE(may_read(stranger, readers, 0));
  EXPECT_FALSE(may_act(stranger, 0));
}

TEST(Permission, without_the_group_nobody_is_a_member) {
  EXPECT_FALSE(may_read({1000, {readers}}, std::nullopt, 0));
  EXPECT_FALSE(may_read({1000, {0}}, std::nullopt, 0)) << "the group root is not the user root";
}

TEST(Permission, the_user_that_the_agent_runs_as_is_its_owner) {
  EXPECT_TRUE(may_act({1000, {1000}}, 1000));
  EXPECT_TRUE(may_read({1000, {1000}}, std::nullopt, 1000));
  EXPECT_FALSE(may_act({1001, {1000}}, 1000));
}

}  // namespace
}  // namespace clusteragent::control
