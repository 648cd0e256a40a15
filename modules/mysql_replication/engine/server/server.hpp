#pragma once
// Server: one server as this engine sees it: connects when it must, finds the dialect, looks, carries steps out. Blocks
// within the limits of its target; belongs to one thread.
#include <atomic>
#include <memory>
#include <optional>

#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/plan/plan.hpp"
#include "modules/mysql_replication/engine/server/connection.hpp"

namespace clusteragent::mysql {

/// Where looks get their numbers; shared by all servers of an engine.
using LookCounter = std::atomic<LookNumber>;

class Server {
 public:
  Server(Target target, LookCounter& looks) : target_{std::move(target)}, looks_{looks} {}

  View look(bool wants_purged);
  Status carry_out(Step step, const Source& source, const ServerState& own);
  /// Its binary logs by path, oldest first.
  Result<std::vector<std::string>> log_files();
  /// Of the last look that succeeded; nothing before.
  const Dialect* dialect() const { return dialect_.get(); }
  /// After a failed look: nobody listens there.
  bool is_absent() const { return is_absent_; }
  const char* dialect_name() const { return dialect_ ? dialect_->name() : ""; }

 private:
  Status connect();
  Result<View> ask(bool wants_purged);
  Status execute(const std::vector<std::string>& statements);
  /// Ends every client's connection but those of the agent and of replication.
  Status kill_clients();

  Target target_;
  LookCounter& looks_;
  std::optional<Connection> connection_;
  std::unique_ptr<Dialect> dialect_;
  bool is_absent_ = false;
};

}  // namespace clusteragent::mysql
