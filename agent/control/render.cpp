#include "agent/control/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "agent/control/render_mysql.hpp"
#include "agent/control/render_parts.hpp"

namespace clusteragent::control {
namespace {

constexpr std::size_t label_width = 12;

// One screen: this node's document, what its heartbeats tell of the peer, and the peer's own document.
struct Screen {
  const Json& own;
  const Json& seen;
  const Json& report;
  std::string self;
  std::string peer;
  bool with_colours;
  std::size_t width;
};

/// Whether the peer's report tells of the state that its newer heartbeats show.
bool is_report_current(const Screen& screen) {
  const Json& local = part(screen.report, "local");
  return !text(local, "state").empty() && text(local, "state") == text(screen.seen, "state") &&
         text(local, "activity") == text(screen.seen, "activity");
}

std::string vip_text(const Json& local) {
  const auto holds = truth(local, "holds_vip");
  if (!holds) return unknown;
  if (!*holds) return "not held";
  const auto left = number(local, "permit_left_ms");
  if (!left) return "held";
  if (*left <= 0) return "held, lease over: the kernel does not answer for it";
  return fmt::format("held, lease renewed, {} left", duration_text(*left));
}

std::string heard_text(const Json& seen) {
  std::string shown = truth(seen, "heard").value_or(false) ? "heard " + ago_text(seen, "age_ms") : "never heard";
  if (truth(seen, "process_gone").value_or(false))
    shown += "; its machine says that no agent runs there";
  else if (truth(seen, "silent").value_or(false))
    shown += "; silent on every path";
  if (truth(seen, "deaf_to_us").value_or(false)) shown += "; one-way cut: it does not hear this node";
  if (truth(seen, "incompatible").value_or(false)) shown += "; speaks no protocol version that this agent speaks";
  return shown;
}

std::string since_text(const Json& local, std::int64_t report_age) {
  const auto since = number(local, "since_ms");
  return since ? duration_text(*since + report_age) : std::string{unknown};
}

Cell witness_cell(const Json& witness) {
  if (witness.empty()) return {unknown};
  const std::string name = text(witness, "name");
  if (!truth(witness, "answers").value_or(false)) return {name + " does not answer", Tint::red};
  if (!truth(witness, "granted").value_or(false)) return {name + " " + text(witness, "says")};
  const auto left = number(witness, "promise_left_ms");
  if (left && *left > 0) return {fmt::format("{} promises this role for {}", name, duration_text(*left)), Tint::green};
  return {name + " answers", Tint::green};
}

Cell ping_cell(const Json& ping) {
  if (ping.empty()) return {unknown};
  const std::string name = text(ping, "name");
  const std::string value = text(ping, "value");
  if (value == "up") return {fmt::format("{}: {} answers", name, text(ping, "answered_by")), Tint::green};
  const std::string problem = text(ping, "problem");
  if (!problem.empty()) return {name + ": " + problem, Tint::red};
  if (value == "down") return {name + ": no address answers", Tint::red};
  return {name + ": not asked now"};
}

Row labelled(const char* label, Cell own, Cell peer) {
  return {{label}, std::move(own), std::move(peer)};
}

Cell diverged_cell(const Json& local) {
  const auto epoch = number(local, "diverged_epoch");
  if (!epoch) return {};
  return {fmt::format("under epoch {}, beside a newer primary: what was written here then is on this node alone; "
                      "clusteragent acknowledge when it is dealt with",
                      *epoch),
          Tint::red};
}

void append_diverged(std::vector<Row>& rows, const Screen& screen) {
  const Cell own = diverged_cell(part(screen.own, "local"));
  const Cell peer = diverged_cell(part(screen.report, "local"));
  if (!own.text.empty() || !peer.text.empty()) rows.push_back(labelled("diverged", own, peer));
}

/// Of what not every module has.
void add_row(std::vector<Row>& rows, const Screen& screen, const char* key, Cell (*shown)(const Json&),
             const char* label = nullptr) {
  if (part(screen.own, key).empty()) return;
  rows.push_back(labelled(label == nullptr ? key : label, shown(part(screen.own, key)),
                          is_report_current(screen) ? shown(part(screen.report, key)) : Cell{unknown}));
}

/// Whoever was primary then has the result.
void append_verified(std::vector<Row>& rows, const Screen& screen) {
  const auto shown = [](const Json& document) { return verify_cell(part(part(document, "replication"), "verify")); };
  const Cell own = shown(screen.own);
  const Cell peer = is_report_current(screen) ? shown(screen.report) : Cell{};
  if (!own.text.empty() || !peer.text.empty()) rows.push_back(labelled("verified", own, peer));
}

Cell salvaged_cell(const Json& document) {
  const Json& salvaged = part(part(document, "replication"), "salvaged");
  const auto sets = number(salvaged, "sets");
  if (!sets) return {};
  return {fmt::format("{} of salvaged data, {} MB: clusteragent salvage list",
                      *sets == 1 ? "1 set" : fmt::format("{} sets", *sets),
                      number(salvaged, "bytes").value_or(0) / 1'000'000),
          Tint::magenta};
}

Cell tampered_cell(const Json& document) {
  const Json& tampered = part(part(document, "replication"), "tampered");
  if (tampered.empty()) return {};
  std::string paths;
  for (const Json& path : part(tampered, "first")) {
    const Json holder{{"path", path}};
    paths += (paths.empty() ? ": " : ", ") + text(holder, "path");
  }
  return {fmt::format("{} entries of the directory while the module was stopped here{}",
                      number(tampered, "count").value_or(0), paths),
          Tint::red};
}

void append_tampered(std::vector<Row>& rows, const Screen& screen) {
  const Cell own = tampered_cell(screen.own);
  const Cell peer = is_report_current(screen) ? tampered_cell(screen.report) : Cell{};
  if (!own.text.empty() || !peer.text.empty()) rows.push_back(labelled("changed", own, peer));
}

void append_salvaged(std::vector<Row>& rows, const Screen& screen) {
  const Cell own = salvaged_cell(screen.own);
  const Cell peer = is_report_current(screen) ? salvaged_cell(screen.report) : Cell{};
  if (!own.text.empty() || !peer.text.empty()) rows.push_back(labelled("salvaged", own, peer));
}

void append_about_data(std::vector<Row>& rows, const Screen& screen) {
  add_row(rows, screen, "reader", reader_cell, "readers");
  if (const Json& own = part(screen.own, "replication"); is_of_mysql(own)) {
    static const Json nothing;
    for (Row& row : mysql_rows(own, is_report_current(screen) ? part(screen.report, "replication") : nothing))
      rows.push_back(std::move(row));
    return;
  }
  add_row(rows, screen, "replication", replication_cell);
  add_row(rows, screen, "replication", replicated_directories_cell, "mirrored");
  append_verified(rows, screen);
  append_tampered(rows, screen);
  append_salvaged(rows, screen);
}

std::vector<Row> node_rows(const Screen& screen) {
  const Json& local = part(screen.own, "local");
  const Json& theirs = part(screen.report, "local");
  const bool is_current = is_report_current(screen);
  const auto current = [&](const char* key) { return is_current ? text(theirs, key) : std::string{unknown}; };
  const std::int64_t report_age = number(screen.own, "peer_report_age_ms").value_or(0);
  const bool has_vip = !part(screen.own, "vip").empty();
  const auto peer_vip = truth(screen.seen, "holds_vip");

  std::vector<Row> rows;
  rows.push_back(labelled("", {screen.self + " (this node)", Tint::bold}, {screen.peer + " (peer)", Tint::bold}));
  rows.push_back(labelled("state", state_cell(local), state_cell(screen.seen)));
  rows.push_back(labelled("for", {since_text(local, 0)}, {is_current ? since_text(theirs, report_age) : unknown}));
  rows.push_back(labelled("why", {or_unknown(text(local, "reason"))}, {or_unknown(current("reason"))}));
  const auto add_optional = [&](const char* label, const char* key, Tint tint) {
    if (text(local, key).empty() && text(theirs, key).empty()) return;
    rows.push_back(labelled(label, {text(local, key), tint}, {current(key), is_current ? tint : Tint::none}));
  };
  add_optional("doing", "doing", Tint::magenta);
  add_optional("remedy", "remedy", Tint::bold);
  const auto next_try = [](const Json& node, std::int64_t age) -> std::string {
    const auto left = number(node, "next_try_ms");
    return left ? "in " + duration_text(std::max<std::int64_t>(0, *left - age)) : std::string{};
  };
  const std::string peer_try = is_current ? next_try(theirs, report_age) : std::string{};
  if (const std::string own_try = next_try(local, 0); !own_try.empty() || !peer_try.empty()) {
    rows.push_back(labelled("next try", {own_try}, {peer_try}));
  }
  rows.push_back(labelled("failover", failover_cell(local), failover_cell(screen.seen)));
  if (has_vip) {
    rows.push_back(labelled("virtual IP", {vip_text(local)}, {peer_vip ? *peer_vip ? "held" : "not held" : unknown}));
  }
  rows.push_back(labelled("record", {record_text(local)}, {record_text(theirs)}));
  append_diverged(rows, screen);
  rows.push_back(
      labelled("restarts", {restarts_text(part(local, "restarts"))}, {restarts_text(part(theirs, "restarts"))}));
  const auto held = [](const Json& node, std::int64_t age) -> std::string {
    const Json& facts = part(node, "held");
    const std::int64_t left = number(facts, "left_ms").value_or(0) - age;
    if (left <= 0) return {};
    return fmt::format("{} role changes in the last {} min; no voluntary move for {}",
                       number(facts, "role_changes").value_or(0), number(facts, "window_ms").value_or(0) / 60000,
                       duration_text(left));
  };
  const std::string peer_held = is_current ? held(theirs, report_age) : std::string{};
  if (const std::string own_held = held(local, 0); !own_held.empty() || !peer_held.empty()) {
    rows.push_back(labelled("held", {own_held}, {peer_held}));
  }
  add_optional("last failure", "last_script_failure", Tint::red);
  rows.push_back(labelled("heartbeat", {"as below"}, {heard_text(screen.seen)}));
  add_row(rows, screen, "witness", witness_cell);
  add_row(rows, screen, "ping", ping_cell);
  append_about_data(rows, screen);
  const bool has_report = number(screen.own, "peer_report_age_ms").has_value();
  rows.push_back(
      labelled("report", {"just now"}, {has_report ? ago_text(screen.own, "peer_report_age_ms") : "none yet"}));
  rows.push_back(
      labelled("agent", {or_unknown(text(screen.own, "version"))}, {or_unknown(text(screen.report, "version"))}));
  return rows;
}

Cell condition_cell(const Screen& screen, const Json& path) {
  const std::string condition = text(path, "condition");
  const std::string problem = text(path, "problem");
  if (!problem.empty()) return {"unusable: " + problem, Tint::red};
  if (condition == "up") return {"up", Tint::green};
  if (condition == "peer_deaf") {
    return {fmt::format("one-way cut: {} does not hear {}", screen.peer, screen.self), Tint::red};
  }
  if (condition == "self_deaf") {
    return {fmt::format("one-way cut: {} does not hear {}", screen.self, screen.peer), Tint::red};
  }
  if (condition == "silent") {
    return {fmt::format("silent: {} is off, or the network is cut (perhaps a one-way cut)", screen.peer), Tint::red};
  }
  return {fmt::format("nothing heard from {} yet", screen.peer)};
}

std::string render_paths(const Screen& screen) {
  const Json& paths = part(screen.own, "paths");
  if (!paths.is_array() || paths.empty()) return "";
  std::vector<Row> rows;
  Row head;
  for (const char* title : {"heartbeat", "heard", "loss", "its loss", "round trip", "jitter", "condition"}) {
    head.push_back({title, Tint::bold});
  }
  rows.push_back(std::move(head));
  for (const Json& path : paths) {
    const std::string heard = number(path, "age_ms") ? ago_text(path, "age_ms") : "never";
    rows.push_back({{text(path, "name")},
                    {heard},
                    {permille_text(path, "loss_permille")},
                    {permille_text(path, "peer_loss_permille")},
                    {micros_text(path, "round_trip_us")},
                    {micros_text(path, "jitter_us")},
                    condition_cell(screen, path)});
  }
  constexpr std::size_t used = label_width + 12 + 8 + 8 + 10 + 9 + 6 * 2;
  const std::size_t last = std::max<std::size_t>(screen.width, used + 16) - used;
  return "\n" + format_rows(rows, {label_width, 12, 8, 8, 10, 9, last}, screen.with_colours);
}

std::string render_addresses(const Screen& screen) {
  const Json& addresses = part(screen.own, "vip");
  if (!addresses.is_array() || addresses.empty()) return "";
  const bool is_held = truth(part(screen.own, "local"), "holds_vip").value_or(false);
  std::vector<Row> rows;
  rows.push_back({{"virtual IP", Tint::bold}, {"here", Tint::bold}, {"answered by", Tint::bold}});
  std::size_t width = label_width;
  for (const Json& address : addresses) {
    const std::string owner = text(address, "answered_by");
    std::string shown = owner.empty() ? (is_held ? "this node" : "nobody seen") : owner;
    if (!owner.empty() && number(address, "answered_age_ms")) shown += ", " + ago_text(address, "answered_age_ms");
    width = std::max(width, display_width(text(address, "address")));
    rows.push_back({{text(address, "address")},
                    {is_held ? "held" : "not held"},
                    {shown, is_held && !owner.empty() ? Tint::red : Tint::none}});
  }
  return "\n" + format_rows(rows, {width, 10, screen.width}, screen.with_colours);
}

/// Frames that were not acted upon: forged, replayed, of another module or version. Shown when there are any.
std::string render_refused(const Screen& screen) {
  std::string shown;
  const Json& frames = part(screen.own, "frames");
  if (!frames.is_object()) return shown;
  for (const auto& [reason, count] : frames.items()) {
    const auto refused = number(frames, reason.c_str());
    if (reason == "accepted" || refused.value_or(0) == 0) continue;
    shown += fmt::format("{}{} {}", shown.empty() ? "refused frames: " : ", ", reason, *refused);
  }
  return shown.empty() ? shown : shown + "\n";
}

Cell process_cell(const Json& process) {
  if (!process.is_object()) return {unknown};
  const std::string problem = text(process, "problem");
  const bool is_armed = truth(process, "armed").value_or(false);
  const auto count = number(process, "count");
  std::string shown = !is_armed ? "not watched in this state" : count ? fmt::format("{} running", *count) : "watched";
  if (!problem.empty()) shown += "; " + problem;
  return {shown, problem.empty() ? Tint::none : Tint::red};
}

const Json& find_process(const Json& document, const Json& wanted) {
  static const Json nothing;
  for (const Json& process : part(document, "processes")) {
    if (text(process, "name") == text(wanted, "name") && text(process, "class") == text(wanted, "class"))
      return process;
  }
  return nothing;
}

std::string render_processes(const Screen& screen) {
  const Json& processes = part(screen.own, "processes");
  if (!processes.is_array() || processes.empty()) return "";
  std::vector<Row> rows;
  rows.push_back({{"process", Tint::bold}, {screen.self, Tint::bold}, {screen.peer, Tint::bold}});
  for (const Json& process : processes) {
    rows.push_back({{fmt::format("{} ({})", text(process, "name"), text(process, "class"))},
                    process_cell(process),
                    process_cell(find_process(screen.report, process))});
  }
  const std::size_t label = 2 * label_width;
  const std::size_t column = (screen.width - label - 4) / 2;
  return "\n" + format_rows(rows, {label, column, column}, screen.with_colours);
}

/// Only while a key is being changed: else both sign with the one that there is.
std::string render_keys(const Screen& screen) {
  const Json& keys = part(screen.own, "keys");
  const Json& accepts = part(keys, "accepts");
  if (!accepts.is_array() || accepts.size() < 2) return "";
  std::string shown =
      fmt::format("\nkeys: {} signs with {}, {} with {}; accepted here:", screen.self,
                  or_unknown(text(keys, "signs_with")), screen.peer, or_unknown(text(keys, "peer_signs_with")));
  for (const Json& key : accepts) {
    shown += fmt::format(" {} ({}", text(key, "key_id"), text(key, "role"));
    const auto left = number(key, "left_s");
    shown += left ? fmt::format(", {} more)", duration_text(*left * 1000)) : ")";
  }
  return shown + "\n";
}

std::string configuration_text(const Screen& screen) {
  const auto matches = truth(part(screen.own, "local"), "config_matches");
  if (!matches) return "configurations match: unknown";
  if (*matches) return "configurations match: yes";
  return tinted("configurations match: NO; compare `clusteragent config show` of both nodes", Tint::red,
                screen.with_colours);
}

}  // namespace

std::string render_status(const Json& status, bool with_colours, std::size_t width) {
  const Json& seen = part(status, "seen_of_peer");
  const Screen screen{status,
                      seen,
                      part(status, "peer_report"),
                      or_unknown(text(status, "node")),
                      or_unknown(text(seen, "node")),
                      with_colours,
                      std::max(width, render_width_min)};
  const std::size_t column = (screen.width - label_width - 4) / 2;
  std::string shown = tinted("module " + or_unknown(text(status, "module")), Tint::bold, with_colours) + ", " +
                      configuration_text(screen) + "\n\n";
  shown += format_rows(node_rows(screen), {label_width, column, column}, with_colours);
  shown += render_paths(screen) + render_refused(screen) + render_addresses(screen) + render_processes(screen);
  shown += render_keys(screen);
  for (const Json& warning : part(status, "warnings")) {
    const Json holder{{"text", warning}};
    shown += tinted("\nwarning: " + text(holder, "text"), Tint::red, with_colours) + "\n";
  }
  return shown;
}

}  // namespace clusteragent::control
