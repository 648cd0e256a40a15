// How a server is made read-only although a commit may wait in it for a standby that is gone.
//
// Making it read-only waits for the commits under way and lets no other begin. One that waits for the standby ends with
// its connection, which is killed through a second connection meanwhile: its client is never answered. MySQL of
// Oracle's goes on waiting for a connection that was killed, so there semi-synchronous replication is turned off behind
// it.
#include <chrono>
#include <future>

#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {
namespace {

constexpr unsigned no_such_thread = 1094;
// A commit that does not wait for a standby is done by then.
constexpr std::chrono::milliseconds commit_patience{50};
// Half of what make_read_only() waits for the lock: so long it is certain that no new commit can begin.
constexpr std::chrono::seconds lock_certainty{5};

}  // namespace

bool Server::is_own(const std::string& user) const {
  return user == target_.accounts.agent.user || user == target_.accounts.replication.user;
}

Status Server::kill_clients(Connection& connection) const {
  const auto all = connection.query(
      "SELECT ID AS id, USER AS user, COMMAND AS command FROM "
      "information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()");
  if (!all) return all.error();
  for (const Row& row : *all) {
    const std::string user = text_of(row, "user");
    const std::string command = text_of(row, "command");
    if (is_own(user) || user == "system user" || user == "event_scheduler" || command == "Daemon" ||
        command == "Killed" || command.starts_with("Binlog Dump"))
      continue;
    const auto killed = connection.query("KILL CONNECTION " + text_of(row, "id"));
    if (!killed && connection.error_number() != no_such_thread) return killed.error();
  }
  return success();
}

Status Server::end_killed_waits(Connection& connection) const {
  const std::string question = dialect_->unkilled_waits_query();
  if (question.empty()) return success();
  const auto waits = connection.query(question);
  if (!waits) return waits.error();
  for (const Row& row : *waits) {
    if (is_own(text_of(row, "user"))) continue;
    return Error{ErrorCode::refused, "a commit waits for the standby whose connection could not be ended"};
  }
  for (const std::string& each : dialect_->semi_sync_off()) {
    if (const auto done = connection.query(each); !done) return done.error();
  }
  return success();
}

Status Server::end_holders() {
  const auto begun = std::chrono::steady_clock::now();
  auto second = Connection::open(target_);
  if (!second) return second.error();
  if (Status killed = kill_clients(*second); !killed) return killed;
  if (std::chrono::steady_clock::now() - begun > lock_certainty) return success();
  return end_killed_waits(*second);
}

Status Server::fence() {
  auto asked = std::async(std::launch::async, [this] { return execute(dialect_->make_read_only()); });
  Status ended = success();
  if (asked.wait_for(commit_patience) == std::future_status::timeout) ended = end_holders();
  const Status fenced = asked.get();
  if (!fenced) return ended ? fenced : ended;
  const Status killed = kill_clients(*connection_);
  return killed ? end_killed_waits(*connection_) : killed;
}

}  // namespace clusteragent::mysql
