#pragma once
// What is wrong now, and since when it is told. PURE: the caller brings what was seen and the time.
//
// An alarm is raised when its cause has lasted for its patience, told once, and cleared when the cause has been gone
// for a while, so that what comes and goes is one alarm.
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/plan/plan.hpp"
#include "modules/mysql_replication/engine/plan/protection.hpp"

namespace clusteragent::mysql {

struct Cause {
  std::string id;  // one word, for scripts
  std::string text;
  std::chrono::milliseconds patience{};  // how long it may last before it is told
};

struct Watched {
  Role role = Role::none;
  bool is_changing = false;  // a role is being taken or given up
  const View& own;
  const View& peer;
  const Plan& plan;
  std::optional<Mode> mode;  // of a primary
  std::optional<std::chrono::milliseconds> lag;
  std::chrono::milliseconds lag_limit{};
  std::string logs_held_for{};  // the binary logs are near their limit, and this keeps them; empty: nothing
  std::string disk_problem{};   // of the binary logs; empty: none
  std::string mended{};         // a setting under which commits would not have waited, just set back; empty: none
  std::string differs{};        // what the newest comparison of the tables found; empty: nothing
};

std::vector<Cause> causes(const Watched& watched);

class Alarms {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Change {
    std::string id;
    std::string text;
    bool is_raised = false;  // else: cleared
  };

  std::vector<Change> update(const std::vector<Cause>& causes, Time now);
  /// Raised and not cleared, by id.
  std::map<std::string, std::string> raised() const;

 private:
  struct Known {
    std::string text;
    Time since;      // of the cause
    Time last_seen;  // of the cause
    bool is_raised = false;
  };
  std::map<std::string, Known> known_;
};

}  // namespace clusteragent::mysql
