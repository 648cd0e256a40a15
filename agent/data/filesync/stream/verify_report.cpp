#include "agent/data/filesync/stream/verify_report.hpp"

#include <fmt/format.h>

namespace clusteragent::filesync {
namespace {

using Json = nlohmann::json;

constexpr std::size_t path_bytes_max = 200;
constexpr std::uint64_t megabyte = 1'000'000;

const char* text_of(VerifyState state) {
  switch (state) {
    case VerifyState::running:
      return "running";
    case VerifyState::done:
      return "done";
    case VerifyState::ended:
      return "ended";
  }
  return "";
}

std::string shortened(const std::string& path) {
  return path.size() <= path_bytes_max ? path : "..." + path.substr(path.size() - path_bytes_max);
}

std::string printable(std::string text) {
  for (char& each : text) {
    if (static_cast<unsigned char>(each) < 0x20 || each == 0x7f) each = '?';
  }
  return text;
}

template <typename T>
T value_or_nothing(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() ? T{} : found->get<T>();
}

}  // namespace

void add_difference(VerifyReport& report, const Difference& found) {
  const bool is_content = found.bytes > 0;
  if (is_content && !report.first.empty() && report.differences == report.first.size()) {
    Difference& last = report.first.back();
    if (last.bytes > 0 && last.what == found.what && last.offset + last.bytes == found.offset &&
        last.path == shortened(found.path)) {
      last.bytes += found.bytes;
      return;
    }
  }
  report.differences++;
  if (report.repairs) report.repaired++;
  if (report.first.size() >= differences_kept_max) return;
  report.first.push_back(found);
  report.first.back().path = shortened(found.path);
}

Json to_json(const VerifyReport& report) {
  Json first = Json::array();
  for (const Difference& each : report.first) {
    Json one = {{"path", printable(each.path)}, {"what", each.what}};
    if (each.bytes > 0) {
      one["offset"] = each.offset;
      one["bytes"] = each.bytes;
    }
    first.push_back(std::move(one));
  }
  Json json = {{"state", text_of(report.state)},  {"repairs", report.repairs},
               {"started_ms", report.started_ms}, {"lasted_ms", report.lasted_ms},
               {"files", report.files},           {"bytes", report.bytes},
               {"bytes_all", report.bytes_all},   {"differences", report.differences},
               {"repaired", report.repaired},     {"first", std::move(first)}};
  if (!report.reason.empty()) json["reason"] = report.reason;
  return json;
}

VerifyReport verify_report(const Json& json) {
  VerifyReport report;
  report.state = VerifyState::ended;
  try {
    const auto state = json.at("state").get<std::string>();
    report.state = state == "done" ? VerifyState::done : VerifyState::ended;
    report.reason = state == "running" ? "the engine ended" : value_or_nothing<std::string>(json, "reason");
    report.repairs = json.at("repairs");
    report.started_ms = json.at("started_ms");
    report.lasted_ms = json.at("lasted_ms");
    report.files = json.at("files");
    report.bytes = json.at("bytes");
    report.bytes_all = json.at("bytes_all");
    report.differences = json.at("differences");
    report.repaired = json.at("repaired");
    for (const Json& each : json.at("first")) {
      report.first.push_back({each.at("path"), each.at("what"), value_or_nothing<std::uint64_t>(each, "offset"),
                              value_or_nothing<std::uint64_t>(each, "bytes")});
    }
    return report;
  } catch (const Json::exception&) {
    VerifyReport nothing;
    nothing.state = VerifyState::ended;
    nothing.reason = "what is kept of it cannot be read";
    return nothing;
  }
}

std::string text_of_differences(const VerifyReport& report) {
  std::string text;
  for (const Difference& each : report.first) {
    text += fmt::format("{}\"{}\" ({}", text.empty() ? "" : "; ", printable(each.path), each.what);
    text += each.bytes > 0 ? fmt::format(", {} bytes at {})", each.bytes, each.offset) : ")";
  }
  if (report.differences > report.first.size())
    text += fmt::format("; and {} more", report.differences - report.first.size());
  return text;
}

std::string summary_of(const VerifyReport& report, const std::string& directory) {
  const std::string size = fmt::format("{} files, {} MB, {}.{} s", report.files, report.bytes / megabyte,
                                       report.lasted_ms / 1000, report.lasted_ms % 1000 / 100);
  std::string found;
  if (report.differences > 0) {
    found = fmt::format("the other node's copy of {} differs in {} {}: {}", directory, report.differences,
                        report.differences == 1 ? "place" : "places", text_of_differences(report));
    if (report.repaired > 0) found += fmt::format("; {} repaired from this node's copy", report.repaired);
  }
  if (report.state == VerifyState::ended) {
    return fmt::format("the verification of {} ended before its end ({}): {}{}{}", directory, size, report.reason,
                       found.empty() ? "" : "; until then: ", found);
  }
  if (found.empty()) return fmt::format("verified: both copies of {} are equal ({})", directory, size);
  return found + fmt::format(" ({}). {}Find out what wrote there or which disk errs, on the other node first", size,
                             report.repairs ? "" : "Repair it: clusteragent rfs verify --repair. ");
}

}  // namespace clusteragent::filesync
