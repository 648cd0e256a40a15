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

#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/plan/protection.hpp"
#include "modules/mysql_replication/engine/server/rescue.hpp"
#include "modules/mysql_replication/engine/server/watch.hpp"

namespace clusteragent::mysql {

class Worker {
 public:
  using Tell = std::function<void(const Json&)>;

  /// `tell` is called in the worker's thread.
  Worker(Options options, Accounts accounts, Tell tell);
  /// Makes the server read-only first: an application without its agent must not go on writing.
  ~Worker();

  /// lead, follow, allow_solo, give_up, release; returns at once.
  void order(Json command);

 private:
  using Clock = std::chrono::steady_clock;
  struct Owed {
    std::uint64_t token = 0;
    Role role = Role::none;
    Clock::time_point since;
  };

  void run();
  bool sleep();
  void take_orders();
  void take(const Json& command);
  void begin(Role role, const Json& command);
  void look();
  void act();
  /// True: something changed, look and plan again.
  bool act_once();
  bool carry_out(const Plan& plan);
  void settle(const Plan& plan);
  void protect();
  /// What only this server has goes to a file.
  void rescue();
  void answer(bool is_ok, const std::string& detail);
  void note(char level, const std::string& text);
  void note_change(const Plan& plan);
  Situation situation() const;
  void remember(const Following& following);
  void load_following();
  void tell_progress();
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
  bool is_ending_ = false;

  // The worker's thread alone.
  Role role_ = Role::none;
  std::optional<Protection> protection_;
  std::optional<Owed> owed_;
  std::optional<Clock::time_point> drain_since_;
  Clock::time_point role_since_;
  Clock::time_point peer_answered_;
  View own_;
  View peer_;
  Plan plan_;
  Following following_;
  std::string noted_;
  Rescue rescue_;
  std::string rescued_;      // what was dealt with, in this life
  std::string rescue_path_;  // where it is
  Json told_;

  std::unique_ptr<Watch> watch_;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
