#pragma once
// Dialect: what one family and age of servers calls things. Statements as text, answers read by column name. PURE: it
// talks to nobody. `dialect_of` finds the one that fits a version. Immutable; any thread.
//
// A statement with a password in it (`follow`) is never to be logged.
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "modules/mysql_replication/engine/dialect/server_state.hpp"

namespace clusteragent::mysql {

/// From where a standby gets its transactions.
struct Source {
  std::string address;
  std::uint16_t port = 0;
  std::string user;
  std::string password;
};

/// How a server says what is done with a replica beside the pair.
struct ReplicaWords {
  const char* replica;        // STOP and START of it
  const char* change;         // of its source
  const char* source;         // what the names of the options of that begin with
  const char* by_gtid;        // the option, behind that
  const char* acknowledging;  // the variable that lets it acknowledge commits
};

/// As a literal of SQL, quotes included.
std::string quoted(std::string_view text);
/// Of a row; empty where the column is NULL or is not there.
std::string text_of(const Row& row, const std::string& column);
std::uint64_t number_of(const Row& row, const std::string& column);
/// Rows of SHOW STATUS as one row by name, in lower case.
Row by_variable(const Rows& rows);

/// How long a commit waits for others to be written to the log with it.
struct CommitDelay {
  std::uint64_t microseconds = 0;
  std::uint64_t commits = 0;  // so many end the waiting
  friend bool operator==(const CommitDelay&, const CommitDelay&) = default;
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  virtual const char* name() const = 0;
  virtual Family family() const = 0;

  /// Three questions a look at the server: monitoring has to stay cheap.
  virtual std::string state_query() const = 0;
  virtual std::string replica_query() const = 0;
  virtual std::string status_query() const = 0;
  /// Errors: a GTID that cannot be read, a column that is missing.
  virtual Result<ServerState> state(const Rows& state, const Rows& replica, const Rows& status) const = 0;

  /// What a replica must have to begin at this server. The first question finds the oldest log where one is needed.
  virtual std::string oldest_log_query() const = 0;
  virtual std::string purged_query(const Rows& oldest_log) const = 0;
  virtual Result<Gtids> purged(const Rows& rows) const = 0;
  /// What all logs in front of one hold, as that says at its beginning.
  static std::string log_begin_query(const std::string& log);
  virtual Result<Gtids> log_begin(const Rows& rows) const = 0;

  /// One column, gtids: what is in this server's log; and what a standby has applied.
  virtual std::string logged_query() const = 0;
  virtual std::string applied_query() const = 0;

  /// Program and arguments that show what `own` has and `other` never had, of binary logs named behind them.
  virtual std::vector<std::string> rescue_tool(const Gtids& own, const Gtids& other) const = 0;

  /// Blocks until the commits under way have ended; no other can begin meanwhile. It waits for longer than the client
  /// does: who gives up leaves a server that becomes read-only later, never one that takes writes again.
  virtual std::vector<std::string> make_read_only() const = 0;
  /// Where a commit that waits for the standby goes on waiting when its connection was killed: the users of those
  /// that were not. Empty where killing ends them.
  virtual std::string unkilled_waits_query() const { return {}; }
  /// One column, statement: the one that waits for the standby for all of a group of commits. Empty where killing does
  /// not end that wait.
  virtual std::string waiting_group_query() const { return {}; }
  virtual std::vector<std::string> make_writable() const = 0;
  virtual std::vector<std::string> stop_receiver() const = 0;
  virtual std::vector<std::string> start_receiver() const = 0;
  virtual std::vector<std::string> start_replica() const = 0;
  /// The relay log goes with it: only when it was applied.
  virtual std::vector<std::string> forget_source() const = 0;
  virtual std::vector<std::string> follow(const Source& source, const ServerState& own) const = 0;
  /// A commit waits for the standby, without an end.
  virtual std::vector<std::string> semi_sync_on() const = 0;
  virtual std::vector<std::string> semi_sync_off() const = 0;
  /// Columns delay_us and commits; empty: the server has no such setting.
  virtual std::string commit_delay_query() const { return {}; }
  virtual std::vector<std::string> set_commit_delay(const CommitDelay&) const { return {}; }
  /// Under which every commit waits for `microseconds`, however many come.
  virtual CommitDelay slowed_by(std::uint64_t microseconds) const { return {microseconds, 0}; }
  virtual ReplicaWords replica_words() const = 0;
  /// The server's data are a copy: its log begins anew, as if it held what that of the primary did, and it replicates
  /// from `position` on. `log_state`: MariaDB's alone.
  virtual std::vector<std::string> adopt(const std::string& log_state, const std::string& position) const = 0;
  /// A lock with a name, of the connection that says it: it ends with the server, and with the engine that took it, and
  /// nothing is written.
  std::vector<std::string> vouch() const;
  std::vector<std::string> unvouch() const;

 protected:
  /// Of `state_query`.
  static std::string vouched_column();
  /// The same whatever the clock was set to meanwhile: the servers count their uptime by it.
  static std::int64_t started_at(std::uint64_t now_s, std::uint64_t uptime_s);
  /// Of a row with the columns timeout_ms and wait_alone: empty where commits wait without an end. What is not known
  /// is no weakness.
  static std::string weakness_of(const Row& row, const std::string& prefix);
  struct ReplicaColumns {
    const char* address;
    const char* port;
    const char* receiver;
    const char* applier;
    const char* behind;
    const char* received;
    const char* source_id;
  };
  Result<ReplicaStatus> replica_status(const Rows& rows, const ReplicaColumns& names) const;
};

/// Of `SELECT @@version`. Errors: a server that is too old for GTIDs, with what is supported.
Result<std::unique_ptr<Dialect>> dialect_of(std::string_view version);

std::unique_ptr<Dialect> make_mariadb();
std::unique_ptr<Dialect> make_oracle_56();
/// `version` as 804 for 8.4.
std::unique_ptr<Dialect> make_oracle_8(unsigned version);

}  // namespace clusteragent::mysql
