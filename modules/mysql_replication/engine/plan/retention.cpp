#include "modules/mysql_replication/engine/plan/retention.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace clusteragent::mysql {
namespace {

// One purge removes no more: the server lets no other log be begun meanwhile. The rest goes at the next look.
constexpr std::size_t files_at_once_max = 16;
constexpr std::uint64_t megabyte = 1'000'000;
// Two logs of the size that servers begin a new one at, or a tenth of a small disk.
constexpr std::uint64_t free_bytes_wanted = 2000 * megabyte;
constexpr std::uint64_t free_share_wanted = 10;

bool has_all(const LogReader& reader, const Gtids& content) {
  return reader.has ? reader.has->reaches(content) : content.is_empty();
}

bool may_be_cut_off(const LogReader& reader) {
  return !reader.is_attached && reader.away_for >= absence_patience;
}

std::string lacks(const LogReader& reader) {
  const std::string has = reader.has ? fmt::format("has {}", reader.has->text()) : "was not seen yet";
  return reader.is_attached ? fmt::format("{} {}", reader.name, has)
                            : fmt::format("{} {} and is away for {} s", reader.name, has, reader.away_for.count());
}

/// Decides one log after the other, from the oldest on.
class Retention {
 public:
  Retention(const std::vector<LogFile>& logs, std::uint64_t bytes_max, const std::vector<LogReader>& readers)
      : logs_{logs}, bytes_max_{bytes_max}, readers_{readers} {
    for (const LogFile& each : logs) bytes_ += each.bytes;
  }

  bool is_beyond_mark() const { return bytes_ >= bytes_max_ / 100 * retention_mark_percent; }
  bool is_beyond_limit() const { return bytes_ >= bytes_max_; }

  /// Of what all logs before the one with this number hold. False: it stays, and so does everything behind it.
  bool take(std::size_t number, const Gtids& content) {
    std::string lacking;
    bool can_be_cut_off = is_beyond_limit();
    for (const LogReader& each : readers_) {
      if (has_all(each, content)) continue;
      lacking += (lacking.empty() ? "" : ", ") + lacks(each);
      can_be_cut_off = can_be_cut_off && may_be_cut_off(each);
    }
    if (!lacking.empty() && !can_be_cut_off) {
      plan_.held_for = fmt::format("the log {} is still needed: {}", logs_[number - 1].name, lacking);
      return false;
    }
    if (!lacking.empty()) plan_.cut_off = lacking;
    plan_.act = RetentionPlan::Act::purge;
    plan_.first_kept = logs_[number].name;
    plan_.files = number;
    plan_.bytes += logs_[number - 1].bytes;
    bytes_ -= logs_[number - 1].bytes;
    return true;
  }

  RetentionPlan plan() const { return plan_; }

 private:
  const std::vector<LogFile>& logs_;
  const std::uint64_t bytes_max_;
  const std::vector<LogReader>& readers_;
  std::uint64_t bytes_ = 0;  // that are left
  RetentionPlan plan_;
};

}  // namespace

RetentionPlan plan_retention(const std::vector<LogFile>& logs, std::uint64_t bytes_max,
                             const std::vector<LogReader>& readers,
                             const std::function<std::optional<Gtids>(const LogFile&)>& before) {
  Retention retention{logs, bytes_max, readers};
  if (bytes_max == 0 || logs.empty() || !retention.is_beyond_mark()) return {};
  if (logs.size() == 1) {
    RetentionPlan plan;
    plan.act = RetentionPlan::Act::rotate;
    return plan;
  }
  const std::size_t end = std::min(logs.size(), files_at_once_max + 1);
  for (std::size_t number = 1; number < end && retention.is_beyond_mark(); ++number) {
    const auto content = before(logs[number]);
    if (!content || !retention.take(number, *content)) break;
  }
  return retention.plan();
}

std::string disk_problem(const Disk& disk) {
  const std::uint64_t wanted = std::min(free_bytes_wanted, disk.bytes / free_share_wanted);
  if (disk.bytes == 0 || disk.free_bytes >= wanted) return {};
  return fmt::format(
      "the disk of the binary logs has {} MB left of {} MB; a server whose log cannot grow commits nothing",
      disk.free_bytes / megabyte, disk.bytes / megabyte);
}

}  // namespace clusteragent::mysql
