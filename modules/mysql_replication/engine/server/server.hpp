#pragma once
// Server: one server as this engine sees it: connects when it must, finds the dialect, looks, carries steps out. Blocks
// within the limits of its target; belongs to one thread.
#include <atomic>
#include <future>
#include <memory>
#include <optional>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/plan/plan.hpp"
#include "modules/mysql_replication/engine/plan/replica_plan.hpp"
#include "modules/mysql_replication/engine/server/connection.hpp"

namespace clusteragent::mysql {

/// Where looks get their numbers; shared by all servers of an engine.
using LookCounter = std::atomic<LookNumber>;

class Server {
 public:
  Server(Target target, LookCounter& looks) : target_{std::move(target)}, looks_{looks} {}

  View look(bool wants_purged);
  Status carry_out(Step step, const Source& source, const ServerState& own);
  /// Of a further replica; `source`: from where it is to replicate.
  Status carry_out(ReplicaStep step, const Endpoint& source, const ServerState& replica);
  /// After its data were replaced by a copy.
  Status adopt(const std::string& log_state, const std::string& position);
  /// Nothing: this server cannot slow its commits.
  Result<std::optional<CommitDelay>> commit_delay();
  Status set_commit_delay(const CommitDelay& delay);
  Result<std::string> data_directory();
  /// Its binary logs by path, oldest first.
  Result<std::vector<std::string>> log_files();
  /// The file that lists them, by path. These four connect where that is needed, and are for a connection of their own:
  /// while the disk is full they wait.
  Result<std::string> log_index();
  /// What all logs in front of this one hold.
  Result<Gtids> log_begin(const std::string& log);
  /// Removes what is older than this one.
  Status purge_logs(const std::string& first_kept);
  Status rotate_logs();
  /// Of the last look that succeeded; nothing before.
  const Dialect* dialect() const { return dialect_.get(); }
  /// After a failed look: nobody listens there.
  bool is_absent() const { return is_absent_; }
  const char* dialect_name() const { return dialect_ ? dialect_->name() : ""; }

 private:
  Status connect();
  Result<Rows> answer(const std::string& question);
  bool is_own(const std::string& user) const;
  Result<View> ask(bool wants_purged);
  Status execute(const std::vector<std::string>& statements);
  /// Read-only, and every client's connection ended.
  Status fence();
  /// While the other connection waits for the lock that read-only needs: ends what holds it up.
  Status end_holders(const std::future<Status>& asked);
  /// Until the same group of commits waits for the standby as a look before, or `asked` is there.
  Status let_groups_end(Connection& connection, const std::future<Status>& asked) const;
  /// Ends every client's connection but those of the agent and of replication; that of a commit that waits last.
  Status kill_clients(Connection& connection) const;
  /// Commits that go on waiting after their connections were ended: nobody is there to be answered any more.
  Status end_killed_waits(Connection& connection) const;

  Target target_;
  LookCounter& looks_;
  std::optional<Connection> connection_;
  std::unique_ptr<Dialect> dialect_;
  bool is_absent_ = false;
};

}  // namespace clusteragent::mysql
