#pragma once
// Which binary logs of this server may go. PURE: the caller lists the logs and finds out where each begins.
//
// A log goes only when every other server has applied what is in it: what it has merely received it throws away when it
// restarts, and fetches again. The one exception is a server that is away and for whose sake the logs have grown to
// their limit: a primary whose disk is full serves nobody, and a server that lacks logs gets a copy of the data.
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/gtid/gtids.hpp"

namespace clusteragent::mysql {

struct LogFile {
  std::string name;  // as the server calls it
  std::uint64_t bytes = 0;
};

/// A server that reads this one's log, or may have to.
struct LogReader {
  std::string name;                 // for the operator: the standby
  std::optional<Gtids> has;         // applied, on its disk; nothing: it was never seen
  bool is_attached = false;         // it replicates from here, or gets a copy of the data
  std::chrono::seconds away_for{};  // how long it is not attached
};

struct RetentionPlan {
  enum class Act {
    none,
    rotate,  // the log that is being written is the only one
    purge,   // all that are older than `first_kept`
  };
  Act act = Act::none;
  std::string first_kept;
  std::size_t files = 0;
  std::uint64_t bytes = 0;  // that become free
  std::string held_for;     // who lacks what would have to go, as a sentence; empty: nobody
  std::string cut_off;      // whom the purge cuts off, as a sentence; empty: nobody
};

/// Logs up to this share of their limit are kept, whoever needs them; beyond it the oldest go.
inline constexpr unsigned retention_mark_percent = 80;
/// So long a server that is away is waited for when the logs are at their limit: a machine that restarts is back by
/// then.
inline constexpr std::chrono::minutes absence_patience{10};

/// `logs`: oldest first, the last one is being written. `bytes_max` 0: nothing ever goes. `before`: what all logs in
/// front of this one hold, nothing where that cannot be found out; asked of few logs.
RetentionPlan plan_retention(const std::vector<LogFile>& logs, std::uint64_t bytes_max,
                             const std::vector<LogReader>& readers,
                             const std::function<std::optional<Gtids>(const LogFile&)>& before);

struct Disk {
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;
};

/// Why the disk of the binary logs is an alarm; empty: there is room.
std::string disk_problem(const Disk& disk);

}  // namespace clusteragent::mysql
