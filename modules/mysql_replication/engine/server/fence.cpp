// How a server is made read-only although a commit may wait in it for a standby that is gone.
//
// Making it read-only waits for the commits under way and lets no other begin. One that waits for the standby ends with
// its connection, which is killed through a second connection meanwhile: its client is never answered.
//
// MariaDB's commits wait in groups, one connection for all of a group: where that one is killed, the others are
// answered as if the standby had what they wrote. So it is killed last. MySQL of Oracle's goes on waiting for a
// connection that was killed, so there semi-synchronous replication is turned off behind it.
#include <algorithm>
#include <chrono>
#include <future>

#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {
namespace {

constexpr unsigned no_such_thread = 1094;
// A commit that does not wait for a standby is done by then.
constexpr std::chrono::milliseconds commit_patience{50};
// While the standby answers, one group follows the other; no new commit joins them.
constexpr std::chrono::seconds groups_patience{2};
// Half of what make_read_only() waits for the lock: so long it is certain that no new commit can begin.
constexpr std::chrono::seconds lock_certainty{5};

bool waits_for_standby(const Row& row) {
  return text_of(row, "state").starts_with("Waiting for semi-sync ACK");
}

}  // namespace

bool Server::is_own(const std::string& user) const {
  return user == target_.accounts.agent.user || user == target_.accounts.replication.user;
}

Status Server::kill_clients(Connection& connection) const {
  auto all = connection.query(
      "SELECT ID AS id, USER AS user, COMMAND AS command, STATE AS state FROM "
      "information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()");
  if (!all) return all.error();
  std::stable_partition(all->begin(), all->end(), [](const Row& row) { return !waits_for_standby(row); });
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

Status Server::let_groups_end(Connection& connection, const std::future<Status>& asked) const {
  const std::string question = dialect_->waiting_group_query();
  if (question.empty()) return success();
  std::string former;
  for (const auto begun = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - begun < groups_patience;) {
    const auto rows = connection.query(question);
    if (!rows) return rows.error();
    const std::string group = rows->empty() ? "none" : text_of(rows->front(), "statement");
    if (group == former || asked.wait_for(commit_patience) != std::future_status::timeout) break;
    former = group;
  }
  return success();
}

Status Server::end_holders(const std::future<Status>& asked) {
  const auto begun = std::chrono::steady_clock::now();
  auto second = Connection::open(target_);
  if (!second) return second.error();
  if (Status ended = let_groups_end(*second, asked); !ended) return ended;
  if (Status killed = kill_clients(*second); !killed) return killed;
  // Where nothing holds new commits up any more, those that waited for the standby go on waiting for it.
  const bool is_asking = asked.wait_for(std::chrono::seconds{0}) == std::future_status::timeout;
  if (!is_asking || std::chrono::steady_clock::now() - begun > lock_certainty) return success();
  return end_killed_waits(*second);
}

Status Server::fence() {
  auto asked = std::async(std::launch::async, [this] { return execute(dialect_->make_read_only()); });
  Status ended = success();
  if (asked.wait_for(commit_patience) == std::future_status::timeout) ended = end_holders(asked);
  const Status fenced = asked.get();
  if (!fenced) return ended ? fenced : ended;
  const Status killed = kill_clients(*connection_);
  return killed ? end_killed_waits(*connection_) : killed;
}

}  // namespace clusteragent::mysql
