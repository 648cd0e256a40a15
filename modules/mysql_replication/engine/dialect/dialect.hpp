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

/// As a literal of SQL, quotes included.
std::string quoted(std::string_view text);
/// Of a row; empty where the column is NULL or is not there.
std::string text_of(const Row& row, const std::string& column);
std::uint64_t number_of(const Row& row, const std::string& column);
/// Rows of SHOW STATUS as one row by name, in lower case.
Row by_variable(const Rows& rows);

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

  /// Program and arguments that show what `own` has and `other` never had, of binary logs named behind them.
  virtual std::vector<std::string> rescue_tool(const Gtids& own, const Gtids& other) const = 0;

  /// Blocks until the commits under way have ended, for at most a second a try.
  virtual std::vector<std::string> make_read_only() const = 0;
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

 protected:
  struct ReplicaColumns {
    const char* address;
    const char* port;
    const char* receiver;
    const char* applier;
    const char* behind;
    const char* received;
  };
  Result<ReplicaStatus> replica_status(const Rows& rows, const ReplicaColumns& names) const;
};

/// Of `SELECT @@version`. Errors: a server that is too old for GTIDs, with what is supported.
Result<std::unique_ptr<Dialect>> dialect_of(std::string_view version);

std::unique_ptr<Dialect> make_mariadb();
std::unique_ptr<Dialect> make_oracle_56();
std::unique_ptr<Dialect> make_oracle_8();

}  // namespace clusteragent::mysql
