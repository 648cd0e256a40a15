#pragma once
// Connection: one connection to one server. Blocks, within its limits of time; belongs to one thread.
//
// Errors carry what the server said, without the passwords that are known here.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "modules/mysql_replication/engine/dialect/server_state.hpp"
#include "modules/mysql_replication/engine/server/accounts.hpp"

namespace clusteragent::mysql {

struct Target {
  std::string socket;   // empty: by address
  std::string address;  // a number, never a name: finding a name blocks without a limit
  std::uint16_t port = 0;
  Accounts accounts;
  std::chrono::seconds connect_limit{1};
  std::chrono::seconds answer_limit{3};
};

class Connection {
 public:
  static Result<Connection> open(const Target& target);
  /// Of a failed open: nobody listens there, so no server runs that could do anything.
  static bool is_absent(const Error& error);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  Result<Rows> query(const std::string& statement);
  /// The server's number of the last error of this connection, 0 where there was none.
  unsigned error_number() const;
  /// Its answers are no longer to be had: open another one.
  bool is_lost() const;

 private:
  struct Handle;
  explicit Connection(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace clusteragent::mysql
