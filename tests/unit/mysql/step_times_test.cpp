#include "modules/mysql_replication/engine/plan/step_times.hpp"

#include <gtest/gtest.h>

namespace clusteragent::mysql {
namespace {

using namespace std::chrono_literals;

TEST(StepTimes, says_where_the_time_went) {
  StepTimes times;
  times.add("stop receiving", 2100us);
  times.add("make it writable", 900us);
  EXPECT_EQ("10.0 ms: stop receiving 2.1, make it writable 0.9, looking and waiting 7.0", times.text(10ms));
  times.clear();
  EXPECT_EQ("4.0 ms: looking and waiting 4.0", times.text(4ms)) << "of the change before nothing is left";
}

}  // namespace
}  // namespace clusteragent::mysql
