#pragma once
// FurtherReplica: one server beside the pair that replicates from whichever node leads. While this node leads, a thread
// of its own looks at it, plans and acts (plan/replica_plan.hpp), so that none of them delays another one, nor what the
// primary's clients wait for. While it does not, nobody is asked.
//
// lead(), rest() and what reads come from the worker's thread; note, ask_primary and siblings are called in its own.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "modules/mysql_replication/engine/monitor/lag.hpp"
#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {

/// What the worker saw last of both nodes, while this one leads.
struct PairSeen {
  View primary;
  View other;
  std::optional<std::uint32_t> other_id;  // of the other node's server, whenever it was seen
};

class FurtherReplica {
 public:
  struct Calls {
    std::function<void()> ask_primary;  // a look at this node's server is wanted now
    std::function<std::set<std::uint32_t>(const FurtherReplica&)> siblings;
    std::function<void(char level, const std::string& text)> note;
  };
  struct Shown {
    ReplicaPlan plan;
    std::string remark;  // what is to be done there, although it follows
    View view;
    std::optional<std::chrono::milliseconds> lag;
    std::uint64_t transactions = 0;  // of the primary, that it has not applied
  };

  FurtherReplica(const Options& options, FurtherReplicaOptions own, const Accounts& accounts, LookCounter& looks,
                 Calls calls);
  ~FurtherReplica();
  FurtherReplica(const FurtherReplica&) = delete;
  FurtherReplica& operator=(const FurtherReplica&) = delete;

  /// All of them are told to end before one is waited for, and all have ended before one is destroyed: they ask each
  /// other.
  void end();
  /// Waits for the statement that is under way, which has a limit.
  void join();

  void lead(std::shared_ptr<const PairSeen> seen);
  void rest();
  bool wants_purged() const;
  /// 0: it was not reached since this node leads.
  std::uint32_t server_id() const;
  Shown shown() const;
  const FurtherReplicaOptions& options() const { return options_; }

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void round();
  /// Nothing: this node does not lead any more, or its server was not seen in time.
  std::shared_ptr<const PairSeen> wait_for_primary(LookNumber after);
  ReplicaSituation situation(const View& replica, const PairSeen& seen) const;
  void carry_out(ReplicaPlan& plan, const View& replica);
  void publish(const ReplicaPlan& plan, const View& replica);
  Clock::duration pause_after(const ReplicaPlan& plan);
  /// What this engine has stopped and may not repoint any more goes on as it was.
  void give_back();
  std::string name() const;

  const FurtherReplicaOptions options_;
  const Endpoint own_endpoint_;
  const Endpoint other_endpoint_;
  const Calls calls_;
  Server server_;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  // Under mutex_.
  std::shared_ptr<const PairSeen> seen_;  // nothing: this node does not lead
  bool is_ending_ = false;
  bool has_followed_ = false;
  bool wants_purged_ = false;
  Clock::time_point next_round_;
  Lag lag_;
  Shown shown_;

  // The own thread's alone.
  bool is_stopped_by_agent_ = false;
  std::string failure_;  // of the last step, until one succeeds
  Clock::duration step_pause_{};
  Clock::time_point next_step_;
  Clock::duration reach_pause_{};
  std::int64_t silenced_at_ = 0;  // which life of its server acknowledged commits; 0: none did
  std::thread thread_;
};

}  // namespace clusteragent::mysql
