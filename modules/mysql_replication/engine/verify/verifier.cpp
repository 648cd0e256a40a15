#include "modules/mysql_replication/engine/verify/verifier.hpp"

#include <fmt/format.h>
#include <mysql.h>

#include <utility>

#include "agent/data/filesync/store/kept_file.hpp"

namespace clusteragent::mysql {
namespace {

constexpr const char* result_file = "verify";
// A range of a large table is read in a fraction of it.
constexpr std::chrono::seconds answer_limit{60};
constexpr std::chrono::milliseconds sleep_step{200};

Target patient(Target target) {
  target.answer_limit = answer_limit;
  return target;
}

Json to_json(const std::vector<Findings::Place>& places) {
  Json all = Json::array();
  for (const auto& each : places) all.push_back({{"path", each.path}, {"what", each.what}});
  return all;
}

std::string alarm_of(const Json& progress) {
  return progress.is_object() ? progress.value("alarm", "") : std::string{};
}

/// What a comparison that has ended found wrong.
std::string sentence_of(const Json& result) {
  const auto differences = result.value("differences", std::uint64_t{0});
  if (differences == 0) return {};
  const Json first = result.value("first", Json::array());
  const std::string place = first.empty()
                                ? std::string{}
                                : fmt::format(", first {}: {}", first[0].value("path", ""), first[0].value("what", ""));
  return fmt::format("the standby's tables differ from the primary's in {} place(s){}", differences, place);
}

}  // namespace

Verifier::Verifier(Target own, Target peer, std::string state_path, Note note)
    : own_{patient(std::move(own))},
      peer_{patient(std::move(peer))},
      state_path_{std::move(state_path)},
      note_{std::move(note)} {
  if (const auto text = filesync::kept_file(state_path_, result_file)) progress_ = Json::parse(*text, nullptr, false);
  if (!progress_.is_object()) progress_ = nullptr;
}

Verifier::~Verifier() {
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

Status Verifier::begin() {
  {
    const std::lock_guard lock{mutex_};
    if (is_running_) return Error{ErrorCode::refused, "a verification is under way; clusteragent status shows it"};
    is_running_ = true;
    begun_ = std::chrono::steady_clock::now();
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    // What the former one found stands until this one has come to its end.
    const std::string standing = alarm_of(progress_);
    progress_ = {
        {"state", "running"}, {"started_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wall).count()},
        {"tables_all", 0},    {"tables", 0},
        {"rows", 0},          {"differences", 0}};
    if (!standing.empty()) progress_["alarm"] = standing;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread{[this] { run(); }};
  return success();
}

void Verifier::set_stop_reason(const std::string& reason) {
  const std::lock_guard lock{mutex_};
  stop_reason_ = reason;
}

Json Verifier::progress() const {
  const std::lock_guard lock{mutex_};
  return progress_;
}

std::string Verifier::alarm() const {
  const std::lock_guard lock{mutex_};
  return alarm_of(progress_);
}

void Verifier::run() {
  mysql_thread_init();
  const Status compared = compare();
  Json result;
  {
    const std::lock_guard lock{mutex_};
    result = progress_;
    const auto lasted = std::chrono::steady_clock::now() - begun_;
    result["lasted_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count();
    result["state"] = compared ? "done" : "ended";
    if (!compared) result["reason"] = compared.error().message;
    const std::string found = sentence_of(result);
    if (compared) result.erase("alarm");
    if (!found.empty()) result["alarm"] = found;
  }
  keep(std::move(result));
  mysql_thread_end();
}

void Verifier::keep(Json result) {
  const auto differences = result.value("differences", std::uint64_t{0});
  const std::string state = result.at("state");
  const std::string counted = fmt::format("{} tables, {} rows, {} difference(s)", result.value("tables", 0),
                                          result.value("rows", std::uint64_t{0}), differences);
  if (state == "done")
    note_(differences == 0 ? 'E' : 'C', fmt::format("both servers' tables were compared: {}", counted));
  else
    note_('C', fmt::format("the comparison of the tables ended before its end: {} ({})", result.value("reason", ""),
                           counted));
  for (const Json& each : result.value("first", Json::array()))
    note_('C', fmt::format("differs: {}: {}", each.value("path", ""), each.value("what", "")));
  const Status kept = filesync::keep_file(state_path_, result_file, result.dump() + "\n");
  if (!kept) note_('C', kept.error().message);
  const std::lock_guard lock{mutex_};
  progress_ = std::move(result);
  is_running_ = false;
}

Status Verifier::compare() {
  auto primary = Connection::open(own_);
  if (!primary) return primary.error();
  auto standby = Connection::open(peer_);
  if (!standby) return standby.error();
  const auto version = primary->query("SELECT @@version AS version");
  if (!version) return version.error();
  const auto dialect = dialect_of(version->empty() ? std::string{} : text_of(version->front(), "version"));
  if (!dialect) return dialect.error();
  const auto stop_reason = [this]() -> std::string {
    const std::lock_guard lock{mutex_};
    return is_ending_ ? "the engine ended" : stop_reason_;
  };
  const auto sleep = [&stop_reason](std::chrono::milliseconds span) {
    for (; span.count() > 0 && stop_reason().empty(); span -= sleep_step)
      std::this_thread::sleep_for(std::min(span, sleep_step));
  };
  Comparison comparison{std::move(*primary),
                        std::move(*standby),
                        **dialect,
                        {stop_reason, [this](const Findings& findings) { tell(findings); }, sleep}};
  Status done = comparison.run();
  tell(comparison.findings());
  return done;
}

void Verifier::tell(const Findings& findings) {
  const std::lock_guard lock{mutex_};
  progress_["tables_all"] = findings.tables_all;
  progress_["tables"] = findings.tables;
  progress_["rows"] = findings.rows;
  progress_["differences"] = findings.differences;
  progress_["busy"] = findings.busy;
  progress_["left_out"] = findings.left_out_all;
  if (!findings.first.empty()) progress_["first"] = to_json(findings.first);
  if (!findings.left_out.empty()) progress_["first_left_out"] = to_json(findings.left_out);
}

}  // namespace clusteragent::mysql
