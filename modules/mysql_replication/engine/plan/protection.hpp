#pragma once
// Protection: whether the primary's commits wait for the standby, and what the agent is told about it. PURE: one caller
// at a time.
//
// Both sides of a promise: `is_synced` is said only when every later commit waits for the standby and the standby has
// all earlier ones, and its node has that on record; after it commits are answered alone only once the agent has said
// allow_solo. An allow_solo that comes while the standby is attached is out of date and changes nothing.
#include <optional>
#include <string>

#include "modules/mysql_replication/engine/plan/view.hpp"

namespace clusteragent::mysql {

enum class Mode {
  waiting,  // the standby may be up to date and is not reached: commits wait
  solo,     // it is on record as out of date: commits are answered by this server alone
  joining,  // as solo for the agent; commits wait already, and the standby gets what it lacks
  both,     // commits wait for the standby, which has everything
};
const char* text_of(Mode mode);

class Protection {
 public:
  struct Outcome {
    bool is_synced = false;             // say it
    std::optional<std::string> behind;  // say it, with this reason
  };

  explicit Protection(bool is_solo) : mode_{is_solo ? Mode::solo : Mode::waiting} {}

  Mode mode() const { return mode_; }
  bool wants_semi_sync() const { return mode_ != Mode::solo; }
  /// After each look. `is_patient`: the primary began a moment ago, and the standby had no time to connect.
  Outcome look(const View& own, const View& peer, const Endpoint& own_endpoint, bool is_patient);
  void allow_solo();

 private:
  Outcome lose(const std::string& reason, bool is_patient);
  bool has_caught_up(const View& own, const View& peer);

  Mode mode_;
  bool has_said_behind_ = false;
  std::optional<View> target_;  // what this server had when its commits began to wait
};

/// Why the standby cannot be counted on; empty: it is attached.
std::string attachment_problem(const View& own, const View& peer, const Endpoint& own_endpoint);

}  // namespace clusteragent::mysql
