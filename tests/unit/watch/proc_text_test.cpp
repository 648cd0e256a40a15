// Reading /proc/PID/stat and the answer of systemctl.
#include <gtest/gtest.h>

#include "agent/watch/proc_fs.hpp"
#include "agent/watch/service_state.hpp"

namespace clusteragent::watch {
namespace {

std::string stat_line(const std::string& comm, char state, int threads) {
  return "4711 (" + comm + ") " + state + " 17 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 " + std::to_string(threads) +
         " 0 987654 1000 20 18446744073709551615 1 1 0 0 0\n";
}

TEST(ParseStat, takes_what_is_needed) {
  const auto stat = parse_stat(stat_line("mysqld", 'S', 40));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 4711);
  EXPECT_EQ(stat->comm, "mysqld");
  EXPECT_EQ(stat->parent, 17);
  EXPECT_EQ(stat->threads, 40);
  EXPECT_EQ(stat->start_time, 987654U);
  EXPECT_TRUE(stat->is_running());
}

TEST(ParseStat, is_not_fooled_by_a_name_with_parentheses) {
  const auto stat = parse_stat(stat_line("a) Z 1 (b", 'S', 1));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a) Z 1 (b");
  EXPECT_EQ(stat->state, 'S');
}

TEST(ParseStat, refuses_what_is_cut_short) {
  const std::string whole = stat_line("x", 'S', 1);
  for (std::size_t length = 0; length < whole.find("987654"); ++length) {
    EXPECT_FALSE(parse_stat(whole.substr(0, length))) << length;
  }
}

TEST(ParseStat, zombie_has_ended_unless_other_threads_live) {
  EXPECT_FALSE(parse_stat(stat_line("x", 'Z', 1))->is_running());
  EXPECT_FALSE(parse_stat(stat_line("x", 'X', 1))->is_running());
  EXPECT_TRUE(parse_stat(stat_line("x", 'Z', 3))->is_running());
}

TEST(ServiceState, reads_systemctl_show) {
  const auto state = parse_service_state("MainPID=4711\nLoadState=loaded\nActiveState=active\nSubState=running\n");
  EXPECT_TRUE(state.is_known);
  EXPECT_TRUE(state.is_running());
  EXPECT_EQ(state.main_pid, 4711);
}

TEST(ServiceState, waiting_for_a_restart_is_not_running) {
  EXPECT_FALSE(parse_service_state("MainPID=0\nActiveState=activating\nSubState=auto-restart\n").is_running());
  EXPECT_TRUE(parse_service_state("MainPID=9\nActiveState=activating\nSubState=start-post\n").is_running());
  EXPECT_FALSE(parse_service_state("MainPID=0\nActiveState=failed\n").is_running());
  EXPECT_FALSE(parse_service_state("").is_running());
  EXPECT_FALSE(parse_service_state("MainPID=x\nActiveState=deactivating").is_running());
}

}  // namespace
}  // namespace clusteragent::watch
