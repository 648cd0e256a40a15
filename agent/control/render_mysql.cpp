#include "agent/control/render_mysql.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/control/render_parts.hpp"

namespace clusteragent::control {
namespace {

using Shown = Cell (*)(const Json& replication);

constexpr std::int64_t megabyte = 1'000'000;

/// States that neither this nor replication_cell() has a sentence for are those in which the standby cannot be brought
/// up to date.
Cell replication_state_cell(const Json& replication) {
  const Json& copy = part(replication, "copy");
  if (text(replication, "state") == "provisioning") {
    const std::int64_t bytes = number(copy, "bytes").value_or(0);
    const std::string method = text(copy, "method");
    return {fmt::format("gets the primary's data ({}{}): {} of about {} MB", text(copy, "phase"),
                        method.empty() ? "" : " by " + method, bytes / megabyte,
                        std::max(number(copy, "bytes_total").value_or(0), bytes) / megabyte),
            Tint::magenta};
  }
  Cell cell = replication_cell(replication);
  const std::string state = text(replication, "state");
  const bool is_plain = state == "off" || cell.text != state;
  if (!is_plain) cell.tint = Tint::red;
  const std::string problem = text(replication, "problem");
  if (!problem.empty()) cell.text += ": " + problem;
  if (const std::string kept_from = text(copy, "problem"); !kept_from.empty())
    cell.text += "; not provisioned: " + kept_from;
  return cell;
}

Cell server_cell(const Json& replication) {
  const std::string server = text(replication, "server");
  const auto is_writable = truth(replication, "is_writable");
  if (server.empty() || !is_writable) return {or_unknown(server), server.empty() ? Tint::none : Tint::red};
  const std::string role = text(replication, "role");
  // Told apart here as well as in the engine: it is what a screen is looked at for.
  const bool is_as_it_should_be = *is_writable == (role == "primary");
  std::string shown = fmt::format("{}, {}; {}", role == "none" ? "no role" : or_unknown(role),
                                  *is_writable ? "writable" : "read-only", server);
  if (const auto id = number(replication, "server_id")) shown += fmt::format(", server id {}", *id);
  return {shown, is_as_it_should_be ? Tint::none : Tint::red};
}

Cell semi_sync_cell(const Json& replication) {
  const std::string without = text(replication, "protection");
  if (!without.empty()) return {without, Tint::red};
  const Json& semi_sync = part(replication, "semi_sync");
  const auto is_enabled = truth(semi_sync, "is_enabled");
  if (!is_enabled) return {unknown};
  if (text(replication, "role") != "primary") return {"as standby"};
  if (!*is_enabled) return {"off: commits are answered without the standby", Tint::red};
  const std::int64_t waiting = number(semi_sync, "commits_waiting").value_or(0);
  if (number(semi_sync, "replicas").value_or(0) == 0)
    return {fmt::format("on, and no standby: {} commits wait", waiting), Tint::red};
  if (!truth(semi_sync, "is_on").value_or(false)) return {"enabled, and the server does not keep to it now", Tint::red};
  return {waiting > 0 ? fmt::format("on, {} commits wait for the standby", waiting) : "on", Tint::green};
}

Cell position_cell(const Json& replication) {
  const std::string executed = text(replication, "executed");
  const Json& replica = part(replication, "replica");
  if (text(replication, "role") != "standby" || replica.empty()) return {or_unknown(executed)};
  const std::string applied = text(replica, "applied");
  const std::string received = text(replica, "received");
  if (applied == received || received.empty()) return {or_unknown(applied)};
  return {fmt::format("applied {} of received {}", or_unknown(applied), received), Tint::magenta};
}

Cell lag_cell(const Json& replication) {
  if (text(replication, "role") != "standby") return {};
  if (const auto lag = number(replication, "lag_ms")) {
    const std::int64_t behind = number(replication, "transactions_behind").value_or(0);
    return {fmt::format("{} ms, {} transactions", *lag, behind)};
  }
  const auto seconds = number(part(replication, "replica"), "seconds_behind");
  return {seconds ? fmt::format("{} s, as the server says", *seconds) : std::string{unknown}};
}

Cell errant_cell(const Json& replication) {
  const std::string file = text(replication, "rescue");
  if (file.empty()) return {};
  return {fmt::format("transactions that the other node does not have are saved in {}", file), Tint::red};
}

Cell logs_cell(const Json& replication) {
  const Json& logs = part(replication, "logs");
  const auto bytes = number(logs, "bytes");
  if (!bytes) return {};
  const std::int64_t limit = number(logs, "bytes_max").value_or(0);
  return {fmt::format("{} files, {} MB{}", number(logs, "files").value_or(0), *bytes / megabyte,
                      limit > 0 ? fmt::format(" of {} MB", limit / megabyte) : std::string{})};
}

Cell verified_cell(const Json& replication) {
  return verify_cell(part(replication, "verify"));
}

Cell alarms_cell(const Json& replication) {
  std::string all;
  for (const Json& each : part(replication, "alarms")) all += (all.empty() ? "" : "; ") + text(each, "text");
  return {all, Tint::red};
}

const Json& replicas(const Json& replication) {
  static const Json none = Json::array();
  const Json& list = part(replication, "further_replicas");
  return list.is_array() ? list : none;
}

Cell replica_cell(const Json& replica) {
  const std::string state = text(replica, "state");
  const bool is_under_way = state == "waiting" || state == "repointing";
  Cell cell{fmt::format("{} port {}: {}", or_unknown(text(replica, "address")), number(replica, "port").value_or(0),
                        or_unknown(state)),
            state == "following" ? Tint::green
            : is_under_way       ? Tint::magenta
                                 : Tint::red};
  if (const std::string problem = text(replica, "problem"); !problem.empty()) cell.text += ": " + problem;
  if (const std::string remark = text(replica, "remark"); !remark.empty()) {
    cell.text += "; " + remark;
    cell.tint = Tint::red;
  }
  if (const auto lag = number(replica, "lag_ms"))
    cell.text += fmt::format("; {} ms, {} transactions", *lag, number(replica, "transactions_behind").value_or(0));
  return cell;
}

/// The node that leads knows of them; the other one has none.
void add_replica_rows(const Json& own, const Json& peer, std::vector<Row>& rows) {
  for (const Json& each : replicas(own)) rows.push_back({{"replica"}, replica_cell(each), {}});
  for (const Json& each : replicas(peer)) rows.push_back({{"replica"}, {}, replica_cell(each)});
}

}  // namespace

bool is_of_mysql(const Json& replication) {
  return text(replication, "engine") == "mysql";
}

std::vector<Row> mysql_rows(const Json& own, const Json& peer) {
  struct Line {
    const char* label;
    Shown shown;
    bool is_always_there;
  };
  constexpr Line lines[] = {{"replication", replication_state_cell, true},
                            {"database", server_cell, true},
                            {"semi-sync", semi_sync_cell, true},
                            {"GTID", position_cell, true},
                            {"lag", lag_cell, false},
                            {"errant", errant_cell, false},
                            {"binary logs", logs_cell, false},
                            {"verified", verified_cell, false},
                            {"alarms", alarms_cell, false}};
  std::vector<Row> rows;
  for (const Line& line : lines) {
    Cell here = line.shown(own);
    Cell there = peer.empty() ? Cell{line.is_always_there ? unknown : ""} : line.shown(peer);
    if (line.is_always_there || !here.text.empty() || !there.text.empty())
      rows.push_back({{line.label}, std::move(here), std::move(there)});
  }
  add_replica_rows(own, peer, rows);
  return rows;
}

}  // namespace clusteragent::control
