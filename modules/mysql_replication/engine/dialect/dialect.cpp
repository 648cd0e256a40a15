#include "modules/mysql_replication/engine/dialect/dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace clusteragent::mysql {
namespace {

ReplicaThread thread_of(const std::string& text) {
  if (text == "Yes") return ReplicaThread::running;
  return text == "No" || text.empty() ? ReplicaThread::stopped : ReplicaThread::connecting;
}

// What semi_sync_on() sets.
constexpr std::uint64_t endless_ms = 4'294'967'295;
constexpr const char* complete_lock = "'clusteragent.complete'";

}  // namespace

std::string quoted(std::string_view text) {
  std::string literal = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') literal += '\\';
    literal += letter;
  }
  return literal + "'";
}

std::string text_of(const Row& row, const std::string& column) {
  const auto found = row.find(column);
  return found == row.end() ? std::string{} : found->second.value_or("");
}

std::uint64_t number_of(const Row& row, const std::string& column) {
  const std::string text = text_of(row, column);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Row by_variable(const Rows& rows) {
  Row all;
  for (const Row& row : rows) {
    std::string name = text_of(row, "Variable_name");
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    all[name] = text_of(row, "Value");
  }
  return all;
}

Result<ReplicaStatus> Dialect::replica_status(const Rows& rows, const ReplicaColumns& names) const {
  ReplicaStatus status;
  if (rows.empty()) return status;
  const Row& row = rows.front();
  for (const char* column : {names.address, names.receiver, names.applier, names.received}) {
    if (row.contains(column)) continue;
    return Error{ErrorCode::corrupt, fmt::format("the answer to {} has no column {}: is this server a {}?",
                                                 replica_query(), column, name())};
  }
  status.source_address = text_of(row, names.address);
  status.has_channels = rows.size() > 1 || !text_of(row, "Channel_Name").empty();
  status.is_configured = !status.source_address.empty();
  status.source_port = static_cast<std::uint16_t>(number_of(row, names.port));
  status.source_server_id = static_cast<std::uint32_t>(number_of(row, names.source_id));
  status.receiver = thread_of(text_of(row, names.receiver));
  status.applier = thread_of(text_of(row, names.applier));
  status.receiver_errno = static_cast<unsigned>(number_of(row, "Last_IO_Errno"));
  status.receiver_error = text_of(row, "Last_IO_Error");
  status.applier_errno = static_cast<unsigned>(number_of(row, "Last_SQL_Errno"));
  status.applier_error = text_of(row, "Last_SQL_Error");
  if (!text_of(row, names.behind).empty()) status.seconds_behind = number_of(row, names.behind);
  auto received = Gtids::parse(family(), text_of(row, names.received));
  if (!received) return received.error();
  status.received = std::move(*received);
  return status;
}

std::string Dialect::log_begin_query(const std::string& log) {
  // The list of what came before is the second event of a log, or the third in an encrypted one.
  return fmt::format("SHOW BINLOG EVENTS IN {} LIMIT 4", quoted(log));
}

std::vector<std::string> Dialect::vouch() const {
  return {fmt::format("SELECT GET_LOCK({}, 0)", complete_lock)};
}

std::vector<std::string> Dialect::unvouch() const {
  return {fmt::format("SELECT RELEASE_LOCK({})", complete_lock)};
}

std::int64_t Dialect::started_at(std::uint64_t now_s, std::uint64_t uptime_s) {
  // Of a clock that was set back to before the start the uptime is negative, which they write without a sign.
  return static_cast<std::int64_t>(now_s - uptime_s);
}

std::string Dialect::weakness_of(const Row& row, const std::string& prefix) {
  const std::string limit = text_of(row, "timeout_ms");
  if (!limit.empty() && number_of(row, "timeout_ms") < endless_ms) return fmt::format("{}timeout = {}", prefix, limit);
  const std::string alone = text_of(row, "wait_alone");
  const bool is_given_up = alone == "0" || alone == "OFF";
  return is_given_up ? fmt::format("{}wait_no_slave (wait_no_replica) = {}", prefix, alone) : std::string{};
}

std::string Dialect::vouched_column() {
  return fmt::format("IS_USED_LOCK({}) IS NOT NULL AS vouched", complete_lock);
}

Result<std::unique_ptr<Dialect>> dialect_of(std::string_view version) {
  unsigned major = 0;
  unsigned minor = 0;
  const char* const end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, major);
  if (first.ptr != end && *first.ptr == '.') std::from_chars(first.ptr + 1, end, minor);
  if (version.find("MariaDB") != std::string_view::npos) {
    if (major > 10 || (major == 10 && minor >= 5)) return make_mariadb();
  } else if (major >= 8) {
    return make_oracle_8(major * 100 + minor);
  } else if (major == 5 && (minor == 6 || minor == 7)) {
    return make_oracle_56();
  }
  return Error{
      ErrorCode::refused,
      fmt::format("the server's version {} is not supported: MariaDB from 10.5 on, MySQL 5.6, 5.7 and from 8.0.22 "
                  "on replicate by GTID as it is needed here",
                  version)};
}

}  // namespace clusteragent::mysql
