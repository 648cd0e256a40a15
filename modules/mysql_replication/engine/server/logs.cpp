// The binary logs of a server: where they are, what they begin with, and what removes them.
#include <fmt/format.h>

#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {

Result<Rows> Server::answer(const std::string& question) {
  if (const Status connected = connect(); !connected) return connected.error();
  auto rows = connection_->query(question);
  if (!rows && connection_->is_lost()) connection_.reset();
  return rows;
}

Result<std::string> Server::log_index() {
  const auto rows = answer("SELECT @@log_bin_index AS path");
  if (!rows) return rows.error();
  return rows->empty() ? std::string{} : text_of(rows->front(), "path");
}

Result<Gtids> Server::log_begin(const std::string& log) {
  const auto rows = answer(Dialect::log_begin_query(log));
  if (!rows) return rows.error();
  return dialect_->log_begin(*rows);
}

Status Server::purge_logs(const std::string& first_kept) {
  const auto done = answer("PURGE BINARY LOGS TO " + quoted(first_kept));
  return done ? success() : Status{done.error()};
}

Status Server::rotate_logs() {
  // LOCAL: a standby must not write a transaction of its own.
  const auto done = answer("FLUSH LOCAL BINARY LOGS");
  return done ? success() : Status{done.error()};
}

}  // namespace clusteragent::mysql
