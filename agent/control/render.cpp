#include "agent/control/render.hpp"

#include <fmt/format.h>

namespace clusteragent::control {
namespace {

std::string age_text(std::int64_t milliseconds) {
  if (milliseconds < 0) return "0 ms";
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 120) return fmt::format("{}.{} s", seconds, milliseconds % 1000 / 100);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172800) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

// Red: stopped or stuck; magenta: on the way; green: settled. SafeKit's colours.
std::string painted(const std::string& state, const std::string& activity, bool with_colours) {
  const std::string text = state + " " + activity;
  if (!with_colours) return text;
  const char* code = activity == "Ready" ? "32" : activity == "Transient" ? "35" : "31";
  return fmt::format("\x1b[1;{}m{}\x1b[0m", code, text);
}

std::string yes_no(bool value) {
  return value ? "yes" : "no";
}

std::string get(const Json& json, const char* key) {
  return json.value(key, std::string{});
}

/// A node's own account of itself: this node's, or the peer's as it sent it.
std::string render_node(const Json& document, bool with_colours) {
  const Json& local = document.at("local");
  std::string text =
      fmt::format("  {}  for {}, epoch {}\n", painted(get(local, "state"), get(local, "activity"), with_colours),
                  age_text(local.value("since_ms", std::int64_t{0})), local.value("epoch", 0ULL));
  text += fmt::format("    why        {}\n", get(local, "reason"));
  if (!get(local, "doing").empty()) text += fmt::format("    now        {}\n", get(local, "doing"));
  if (!get(local, "remedy").empty()) text += fmt::format("    remedy     {}\n", get(local, "remedy"));
  const bool leads = get(local, "state") == "ALONE" || get(local, "state") == "PRIM";
  if (!leads) {
    text += local.value("promotable", false)
                ? "    take-over  possible\n"
                : fmt::format("    take-over  not promotable because {}\n", get(local, "blocked_text"));
  }
  for (const Json& address : document.value("vip", Json::array())) {
    text += fmt::format("    VIP        {} {}{}\n", get(address, "address"),
                        local.value("holds_vip", false) ? "held here" : "not here",
                        address.contains("answered_by") ? ", answered by " + get(address, "answered_by") : "");
  }
  for (const Json& process : document.value("processes", Json::array())) {
    text += fmt::format(
        "    process    {} ({}): {}{}\n", get(process, "name"), get(process, "class"),
        process.value("armed", false) ? fmt::format("{} running", process.value("count", 0)) : "not watched now",
        get(process, "problem").empty() ? "" : ", " + get(process, "problem"));
  }
  const Json restarts = local.value("restarts", Json::object());
  text += fmt::format("    restarts   {} of {} used", restarts.value("used", 0), restarts.value("max", 0));
  if (restarts.contains("window_left_ms")) {
    text += fmt::format(", counted anew in {}", age_text(restarts.value("window_left_ms", std::int64_t{0})));
  }
  text += "\n";
  if (!get(local, "last_script_failure").empty())
    text += fmt::format("    script     {}\n", get(local, "last_script_failure"));
  return text;
}

std::string condition_text(const std::string& condition) {
  if (condition == "peer_deaf") return "ONE-WAY: the peer hears nothing from here";
  if (condition == "self_deaf") return "ONE-WAY: nothing is heard from the peer, which hears this node";
  return condition;
}

std::string render_paths(const Json& status) {
  std::string text = "heartbeats\n";
  for (const Json& path : status.value("paths", Json::array())) {
    text += fmt::format("  {:<12} {:<9}", get(path, "name"), condition_text(get(path, "condition")));
    if (path.contains("age_ms")) text += fmt::format(" heard {} ago", age_text(path.value("age_ms", std::int64_t{0})));
    text += fmt::format(", loss {:.1f} % in", path.value("loss_permille", 0) / 10.0);
    if (path.contains("peer_loss_permille"))
      text += fmt::format(" / {:.1f} % out", path.value("peer_loss_permille", 0) / 10.0);
    if (path.contains("round_trip_us"))
      text += fmt::format(", round trip {} us", path.value("round_trip_us", std::int64_t{0}));
    if (!get(path, "problem").empty()) text += fmt::format(", {}", get(path, "problem"));
    text += "\n";
  }
  return text;
}

std::string render_peer(const Json& status, bool with_colours) {
  const Json& seen = status.at("seen_of_peer");
  const std::int64_t stale = status.value("stale_after_ms", std::int64_t{0});
  if (!seen.value("heard", false)) return "  UNKNOWN  never heard since this agent started\n";
  const std::int64_t age = seen.value("age_ms", std::int64_t{0});
  if (seen.value("incompatible", false)) return "  UNKNOWN  speaks another protocol version; upgrade the older agent\n";
  if (seen.value("silent", false) || seen.value("process_gone", false) || age > stale) {
    return fmt::format("  UNKNOWN  {}; last heard {} ago\n",
                       seen.value("process_gone", false) ? "its agent is gone" : "no heartbeat on any path",
                       age_text(age));
  }
  std::string text;
  const Json report = status.value("peer_report", Json{});
  const std::int64_t report_age = status.value("peer_report_age_ms", std::int64_t{0});
  // The heartbeat is fresher than the report: a report of another state is already history.
  if (report.is_object() && report_age <= stale && report.contains("local") &&
      get(report.at("local"), "state") == get(seen, "state") &&
      get(report.at("local"), "activity") == get(seen, "activity")) {
    Json aged = report;
    aged["local"]["since_ms"] = report.at("local").value("since_ms", std::int64_t{0}) + report_age;
    text = render_node(aged, with_colours);
  } else {
    text = fmt::format("  {}  epoch {}, details unknown\n",
                       painted(get(seen, "state"), get(seen, "activity"), with_colours), seen.value("epoch", 0ULL));
  }
  text += fmt::format("    heard      {} ago{}\n", age_text(age),
                      seen.value("deaf_to_us", false) ? "; it does NOT hear this node (one-way cut)" : "");
  return text;
}

}  // namespace

std::string render_status(const Json& status, bool with_colours) {
  std::string text = fmt::format("module {}  (clusteragent {})\n", get(status, "module"), get(status, "version"));
  text += fmt::format("{} (this node)\n{}", get(status, "node"), render_node(status, with_colours));
  text += fmt::format("{} (peer)\n{}", get(status.at("seen_of_peer"), "node"), render_peer(status, with_colours));
  text += render_paths(status);
  const Json& local = status.at("local");
  if (local.contains("config_matches")) {
    text += fmt::format("configurations match: {}\n", yes_no(local.value("config_matches", false)));
  } else {
    text += "configurations match: unknown\n";
  }
  for (const Json& margin : status.value("warnings", Json::array()))
    text += fmt::format("warning: {}\n", margin.get<std::string>());
  return text;
}

}  // namespace clusteragent::control
