#include "agent/control/render_parts.hpp"

#include <fmt/format.h>

#include "agent/control/render.hpp"
#include "agent/control/request.hpp"

namespace clusteragent::control {
namespace {

constexpr std::size_t text_bytes_max = 4096;

bool is_primary(const std::string& state) {
  return state == "ALONE" || state == "PRIM";
}

}  // namespace

std::string duration_text(std::int64_t milliseconds) {
  if (milliseconds < 0) return "0 ms";
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  if (milliseconds < 60'000) return fmt::format("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100);
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

const Json& part(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text(const Json& object, const char* key) {
  const auto* value = part(object, key).get_ptr<const std::string*>();
  return value == nullptr ? std::string{} : printable(*value, text_bytes_max, true);
}

std::optional<std::int64_t> number(const Json& object, const char* key) {
  const Json& value = part(object, key);
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<bool> truth(const Json& object, const char* key) {
  const Json& value = part(object, key);
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

std::string or_unknown(std::string value) {
  return value.empty() ? std::string{unknown} : value;
}

std::string ago_text(const Json& object, const char* key) {
  const auto age = number(object, key);
  return age ? duration_text(*age) + " ago" : std::string{unknown};
}

Cell state_cell(const Json& object) {
  const std::string state = text(object, "state");
  const std::string activity = text(object, "activity");
  if (state.empty() || activity.empty()) return {unknown};
  const Tint tint = activity == "Ready" ? Tint::green : activity == "Transient" ? Tint::magenta : Tint::red;
  return {state + " " + activity, tint};
}

Cell failover_cell(const Json& object) {
  const std::string state = text(object, "state");
  const auto promotable = truth(object, "promotable");
  if (state.empty() || !promotable) return {unknown};
  if (is_primary(state)) return {"is primary"};
  if (*promotable) return {"can take over"};
  return {"not promotable because " + or_unknown(text(object, "blocked_text")), Tint::red};
}

std::string restarts_text(const Json& restarts) {
  const auto used = number(restarts, "used");
  const auto max = number(restarts, "max");
  if (!used || !max) return unknown;
  std::string shown = fmt::format("{} of {}", *used, *max);
  if (const auto left = number(restarts, "window_left_ms")) {
    shown += fmt::format(", counted anew in {}", duration_text(*left));
  }
  return shown;
}

std::string record_text(const Json& local) {
  const auto epoch = number(local, "epoch");
  if (!epoch) return unknown;
  if (*epoch == 0) return "no primary yet";
  std::string shown = fmt::format("epoch {}.{}", *epoch, number(local, "revision").value_or(0));
  const std::string primary = text(local, "last_primary");
  if (!primary.empty()) shown += " of " + primary;
  std::string names;
  for (const Json& node : part(local, "sync_set")) {
    const auto* name = node.get_ptr<const std::string*>();
    if (name != nullptr) names += (names.empty() ? "" : ", ") + printable(*name, text_bytes_max);
  }
  return names.empty() ? shown : shown + "; up to date: " + names;
}

Cell replicated_directories_cell(const Json& replication) {
  std::string paths;
  for (const Json& each : part(replication, "directories")) {
    const auto* path = each.get_ptr<const std::string*>();
    if (path != nullptr) paths += (paths.empty() ? "" : ", ") + printable(*path, text_bytes_max);
  }
  return {or_unknown(paths)};
}

Cell replication_cell(const Json& replication) {
  const std::string state = text(replication, "state");
  if (state.empty()) return {unknown};
  if (state == "up to date") return {"the other copy is up to date", Tint::green};
  if (state == "following") return {"follows the primary", Tint::green};
  if (state == "degraded") return {"degraded: writes are on this node only", Tint::red};
  if (state == "waiting") return {"writes wait: the other copy is not reached", Tint::red};
  if (state == "incomplete") return {"this copy is being made", Tint::magenta};
  if (state == "reintegrating") {
    const std::int64_t all = number(replication, "bytes_all").value_or(0);
    const std::int64_t done = number(replication, "bytes_done").value_or(0);
    constexpr std::int64_t megabyte = 1'000'000;
    return {fmt::format("reintegrating {} %, {} of {} MB",
                        all > 0 ? static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(all)) : 0,
                        done / megabyte, all / megabyte),
            Tint::magenta};
  }
  return {state};
}

namespace {

/// Of the tables of two servers.
Cell compared_tables_cell(const Json& verification) {
  const std::string state = text(verification, "state");
  const auto count = [&verification](const char* key) { return number(verification, key).value_or(0); };
  const std::int64_t differences = count("differences");
  const std::string found = fmt::format("{} {}", differences, differences == 1 ? "difference" : "differences");
  const std::string compared =
      fmt::format("{} of {} tables, {} rows", count("tables"), count("tables_all"), count("rows"));
  if (state == "running") return {fmt::format("under way: {}, {}", compared, found), Tint::magenta};
  std::string facts =
      fmt::format("{}; {} in {}", ago_text(verification, "age_ms"), compared, duration_text(count("lasted_ms")));
  if (count("left_out") > 0) facts += fmt::format("; {} tables were left out", count("left_out"));
  if (count("busy") > 0) facts += fmt::format("; {} ranges changed all the time", count("busy"));
  const Tint tint = differences > 0 ? Tint::red : state == "done" ? Tint::green : Tint::none;
  if (state != "done")
    return {fmt::format("not to its end: {} ({}; {})", text(verification, "reason"), found, facts), tint};
  return {fmt::format("{} ({})", differences == 0 ? "both servers' tables equal" : found, facts), tint};
}

}  // namespace

Cell verify_cell(const Json& verification) {
  if (number(verification, "tables_all")) return compared_tables_cell(verification);
  constexpr std::int64_t megabyte = 1'000'000;
  const std::string state = text(verification, "state");
  if (state.empty()) return {};
  const std::int64_t bytes = number(verification, "bytes").value_or(0);
  if (state == "running") {
    const std::int64_t all = number(verification, "bytes_all").value_or(0);
    return {fmt::format("under way: {} of about {} MB, {} differences", bytes / megabyte,
                        std::max(all, bytes) / megabyte, number(verification, "differences").value_or(0)),
            Tint::magenta};
  }
  const std::string facts = fmt::format("{}; {} files, {} MB in {}", ago_text(verification, "age_ms"),
                                        number(verification, "files").value_or(0), bytes / megabyte,
                                        duration_text(number(verification, "lasted_ms").value_or(0)));
  const std::int64_t differences = number(verification, "differences").value_or(0);
  const std::int64_t repaired = number(verification, "repaired").value_or(0);
  std::string found = fmt::format("{} {}", differences, differences == 1 ? "difference" : "differences");
  if (repaired > 0) found += repaired < differences ? fmt::format(", {} repaired", repaired) : ", repaired";
  if (state != "done") return {fmt::format("not to its end: {} ({}; {})", text(verification, "reason"), found, facts)};
  if (differences == 0) return {fmt::format("both copies equal ({})", facts), Tint::green};
  const bool is_repaired = repaired == differences;
  return {fmt::format("{}{} ({})", found, is_repaired ? "" : ": clusteragent rfs verify --repair", facts),
          is_repaired ? Tint::magenta : Tint::red};
}

Cell reader_cell(const Json& reader) {
  const auto holds = truth(reader, "holds");
  if (!holds) return {unknown};
  const std::string why = text(reader, "why");
  const std::string because = why.empty() ? "" : ": " + why;
  return *holds ? Cell{"served here" + because, Tint::green} : Cell{"not served here" + because};
}

std::string permille_text(const Json& object, const char* key) {
  const auto value = number(object, key);
  return value ? fmt::format("{}.{} %", *value / 10, *value % 10) : std::string{unknown};
}

std::string micros_text(const Json& object, const char* key) {
  const auto value = number(object, key);
  return value ? fmt::format("{:.2f} ms", static_cast<double>(*value) / 1000) : std::string{unknown};
}

}  // namespace clusteragent::control
