#pragma once
// Worker: carries out what the agent wants of this node's server, in a thread of its own: look, plan, step, again. The
// thread that talks to the agent never waits for a server.
//
// An order is answered once; a newer order takes the place of one that is not answered yet. What it is about:
// plan/plan.hpp and plan/protection.hpp.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "modules/mysql_replication/engine/monitor/alarms.hpp"
#include "modules/mysql_replication/engine/monitor/lag.hpp"
#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/plan/approach.hpp"
#include "modules/mysql_replication/engine/plan/protection.hpp"
#include "modules/mysql_replication/engine/plan/step_times.hpp"
#include "modules/mysql_replication/engine/provision/donor.hpp"
#include "modules/mysql_replication/engine/provision/provisioning.hpp"
#include "modules/mysql_replication/engine/replicas/further_replicas.hpp"
#include "modules/mysql_replication/engine/server/log_keeper.hpp"
#include "modules/mysql_replication/engine/server/rescue.hpp"
#include "modules/mysql_replication/engine/server/watch.hpp"
#include "modules/mysql_replication/engine/verify/verifier.hpp"

namespace clusteragent::mysql {

class Worker {
 public:
  using Tell = std::function<void(const Json&)>;

  /// `tell` is called in the worker's thread.
  Worker(Options options, Accounts accounts, Tell tell);
  /// Makes the server read-only first: an application without its agent must not go on writing.
  ~Worker();

  /// lead, follow, allow_solo, give_up, release, keys, verify; returns at once.
  void order(Json command);

 private:
  using Clock = std::chrono::steady_clock;
  struct Owed {
    std::uint64_t token = 0;
    Role role = Role::none;
    Clock::time_point since;
  };

  void run();
  /// Until the next look, unless something happens before.
  std::chrono::milliseconds pause() const;
  bool sleep();
  bool take_wanted_look();
  void take_orders();
  void take(const Json& command);
  void begin(Role role, const Json& command);
  void look();
  void act();
  /// True: something changed, look and plan again.
  bool act_once();
  bool carry_out(const Plan& plan);
  bool is_closed() const;
  void settle(const Plan& plan);
  void protect();
  /// What only this server has goes to a file.
  void rescue();
  /// Begins, records and ends the replacing of this node's data: worker_provision.cpp.
  void provision();
  void begin_provisioning();
  void record_exchange();
  void note_provisioning(const Provisioning::State& state);
  Status adopt();
  Json provision_progress() const;
  /// A release that waits until the standby is close, while the clients go on: worker_approach.cpp.
  void begin_approach(const Json& command);
  void come_closer();
  void end_approach();
  Status slow_commits();
  void quicken_commits();
  void load_quick();
  /// The comparison of the tables: worker_verify.cpp.
  void verify(const Json& command);
  std::string verify_obstacle() const;
  /// Has the binary logs looked after: worker_retention.cpp.
  void keep_logs();
  void answer(bool is_ok, const std::string& detail);
  void note(char level, const std::string& text);
  void note_change(const Plan& plan);
  Situation situation() const;
  void remember(const Following& following);
  void load_following();
  /// Further replicas follow whichever node leads: their own threads see to it, and this one to what those know.
  void oversee_replicas();
  /// Raises and clears alarms.
  void watch_over();
  void tell_progress();
  /// Whether readers can be served here hangs on it, so it is said also when nothing changed: silence tells, too.
  void tell_replica();
  Json progress() const;

  const Options options_;
  const Accounts accounts_;
  const Tell tell_;
  const Endpoint own_endpoint_;
  const Endpoint peer_endpoint_;
  LookCounter looks_{0};
  Server server_;

  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<Json> orders_;  // under mutex_
  bool has_seen_peer_ = false;
  bool is_look_wanted_ = false;
  bool is_ending_ = false;

  // The worker's thread alone.
  Role role_ = Role::none;
  std::optional<Protection> protection_;
  std::optional<Owed> owed_;
  std::optional<Approach> approach_;
  Json approached_;                   // the order that is carried out when that has ended
  std::optional<CommitDelay> quick_;  // while commits are slowed: how they were before
  std::string quick_problem_;
  bool was_opened_ = false;  // since the last order to lead, this server was told to take writes
  std::optional<Clock::time_point> drain_since_;
  Clock::time_point role_since_;
  StepTimes times_;
  Lag lag_;
  Alarms alarms_;
  Clock::time_point peer_answered_;
  View own_;
  View peer_;
  Plan plan_;
  Following following_;
  std::string keep_problem_;
  std::string noted_;
  std::string mended_;  // what somebody had set and this engine has set back, until that was told
  Rescue rescue_;
  std::string rescued_;      // what was dealt with, in this life
  bool is_rescued_ = false;  // and it is in a file
  std::string rescue_path_;  // where it is
  Json told_;
  Clock::time_point replica_told_;

  std::optional<Gtids> peer_has_;  // applied, when it was seen last
  Clock::time_point attached_;     // when the two were connected last
  Clock::time_point logs_looked_;

  Provisioning provisioning_;
  CopyPhase noted_phase_ = CopyPhase::none;
  std::string provision_problem_;
  Clock::duration provision_pause_{};
  Clock::time_point provision_next_;
  std::unique_ptr<Donor> donor_;
  std::unique_ptr<LogKeeper> log_keeper_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<FurtherReplicas> replicas_;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
