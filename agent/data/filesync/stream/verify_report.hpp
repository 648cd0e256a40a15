#pragma once
// VerifyReport: what a verification of the two copies found. Kept on disk by the engine, shown by the agent. Values;
// pure; any thread.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace clusteragent::filesync {

struct Difference {
  std::string path;  // in the replicated directory; what is no UTF-8 is replaced where it is shown
  std::string what;  // "content", or which attribute
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // of content; 0: no content is meant
  friend bool operator==(const Difference&, const Difference&) = default;
};

enum class VerifyState : std::uint8_t { running, done, ended };

struct VerifyReport {
  VerifyState state = VerifyState::running;
  bool repairs = false;
  std::string reason;           // why it ended early
  std::int64_t started_ms = 0;  // wall clock, since 1970
  std::int64_t lasted_ms = 0;
  std::uint64_t files = 0;  // compared, folders as well
  std::uint64_t bytes = 0;  // compared
  std::uint64_t bytes_all = 0;
  std::uint64_t differences = 0;
  std::uint64_t repaired = 0;
  std::vector<Difference> first;
  friend bool operator==(const VerifyReport&, const VerifyReport&) = default;
};

/// The report is a part of the status document, which travels to the other node every second.
inline constexpr std::size_t differences_kept_max = 10;

/// One more, repaired where the report is of repairs; a range that follows the last one belongs to it.
void add_difference(VerifyReport& report, const Difference& found);

nlohmann::json to_json(const VerifyReport& report);
/// Of what to_json() wrote; anything else: an empty report that has ended.
VerifyReport verify_report(const nlohmann::json& json);

/// "data/a (content, 64 KiB at 128 KiB); data/b (mode)".
std::string text_of_differences(const VerifyReport& report);
/// One line for the log.
std::string summary_of(const VerifyReport& report, const std::string& directory);

}  // namespace clusteragent::filesync
