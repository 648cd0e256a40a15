#include "modules/mysql_replication/engine/server/server.hpp"

#include <fmt/format.h>

#include "modules/mysql_replication/engine/plan/replica_statements.hpp"

namespace clusteragent::mysql {
Status Server::connect() {
  if (connection_) return success();
  is_absent_ = false;
  auto opened = Connection::open(target_);
  if (!opened) {
    is_absent_ = Connection::is_absent(opened.error());
    return opened.error();
  }
  // It may be another server than before: upgraded, or restored.
  const auto version = opened->query("SELECT @@version AS version");
  if (!version) return version.error();
  auto dialect = dialect_of(version->empty() ? std::string{} : text_of(version->front(), "version"));
  if (!dialect) return dialect.error();
  dialect_ = std::move(*dialect);
  connection_ = std::move(*opened);
  return success();
}

Result<View> Server::ask(bool wants_purged) {
  const auto state = connection_->query(dialect_->state_query());
  if (!state) return state.error();
  const auto replica = connection_->query(dialect_->replica_query());
  if (!replica) return replica.error();
  const auto status = connection_->query(dialect_->status_query());
  if (!status) return status.error();
  auto read = dialect_->state(*state, *replica, *status);
  if (!read) return read.error();
  View view;
  view.state = std::move(*read);
  if (!wants_purged) return view;
  Rows logs;
  if (const std::string question = dialect_->oldest_log_query(); !question.empty()) {
    auto answer = connection_->query(question);
    if (!answer) return answer.error();
    logs = std::move(*answer);
  }
  const auto oldest = connection_->query(dialect_->purged_query(logs));
  if (!oldest) return oldest.error();
  auto purged = dialect_->purged(*oldest);
  if (!purged) return purged.error();
  view.purged = std::move(*purged);
  return view;
}

View Server::look(bool wants_purged) {
  View view;
  const LookNumber number = ++looks_;
  const bool was_connected = connection_.has_value();
  Status connected = connect();
  if (connected) {
    auto asked = ask(wants_purged);
    if (!asked && was_connected && connection_->is_lost()) {
      // The server restarted, or ended an idle connection: that is known only now.
      connection_.reset();
      connected = connect();
      if (connected) asked = ask(wants_purged);
    }
    if (connected && asked) {
      view = std::move(*asked);
      view.is_reachable = true;
    } else {
      view.problem = connected ? asked.error().message : connected.error().message;
      connection_.reset();
    }
  } else {
    view.problem = connected.error().message;
  }
  view.look = number;
  return view;
}

Status Server::execute(const std::vector<std::string>& statements) {
  for (const std::string& each : statements) {
    const auto done = connection_->query(each);
    if (done) continue;
    if (connection_->is_lost()) connection_.reset();
    return done.error();
  }
  return success();
}

Status Server::adopt(const std::string& log_state, const std::string& position) {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  return execute(dialect_->adopt(log_state, position));
}

Result<std::optional<CommitDelay>> Server::commit_delay() {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  const std::string question = dialect_->commit_delay_query();
  if (question.empty()) return std::optional<CommitDelay>{};
  const auto rows = connection_->query(question);
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<CommitDelay>{};
  return std::optional{CommitDelay{number_of(rows->front(), "delay_us"), number_of(rows->front(), "commits")}};
}

Status Server::set_commit_delay(const CommitDelay& delay) {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  return execute(dialect_->set_commit_delay(delay));
}

Result<std::string> Server::data_directory() {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  const auto rows = connection_->query("SELECT @@datadir AS path");
  if (!rows) return rows.error();
  return rows->empty() ? std::string{} : text_of(rows->front(), "path");
}

Result<std::vector<std::string>> Server::log_files() {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  const auto base = connection_->query("SELECT @@log_bin_basename AS path");
  if (!base) return base.error();
  const auto logs = connection_->query("SHOW BINARY LOGS");
  if (!logs) return logs.error();
  const std::string path = base->empty() ? std::string{} : text_of(base->front(), "path");
  std::vector<std::string> files;
  for (const Row& row : *logs) files.push_back(path.substr(0, path.rfind('/') + 1) + text_of(row, "Log_name"));
  return files;
}

Status Server::carry_out(ReplicaStep step, const Endpoint& source, const ServerState& replica) {
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  return execute(statements_of(step, dialect_->replica_words(), source, replica));
}

Status Server::carry_out(Step step, const Source& source, const ServerState& own) {
  // On the connection that was looked through, and on no other: a server that restarted in between has forgotten that
  // its commits were to wait.
  if (!connection_) return Error{ErrorCode::unreachable, "the connection to the server was lost"};
  switch (step) {
    case Step::none:
    case Step::adopt:  // has more to it than statements of a role: adopt()
      return success();
    case Step::fence:
      return fence();
    case Step::semi_sync_on:
      return execute(dialect_->semi_sync_on());
    case Step::semi_sync_off:
      return execute(dialect_->semi_sync_off());
    case Step::stop_receiver:
      return execute(dialect_->stop_receiver());
    case Step::start_receiver:
      return execute(dialect_->start_receiver());
    case Step::start_applier:
      return execute(dialect_->start_replica());
    case Step::forget_source:
      return execute(dialect_->forget_source());
    case Step::make_writable:
      return execute(dialect_->make_writable());
    case Step::follow_peer:
      return execute(dialect_->follow(source, own));
    case Step::vouch:
      return execute(dialect_->vouch());
    case Step::unvouch:
      return execute(dialect_->unvouch());
  }
  return success();
}

}  // namespace clusteragent::mysql
