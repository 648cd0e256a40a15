#pragma once
// LogKeeper: looks after the binary logs of this node's server in a thread and over a connection of its own: their
// size, the room on their disk, and what of them goes. What a full disk holds up is held up here and nowhere else.
//
// The sizes are read from the files, which costs no statement and waits for nothing.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "modules/mysql_replication/engine/plan/retention.hpp"
#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {

class LogKeeper {
 public:
  /// level and text, from the keeper's thread.
  using Note = std::function<void(char, const std::string&)>;

  struct State {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
    std::string held_for;      // the logs are near their limit, and this keeps them; empty: nothing
    std::string disk_problem;  // empty: none
  };

  /// `bytes_max` 0: nothing is purged.
  LogKeeper(Target own, std::uint64_t bytes_max, Note note);
  /// Waits for the statement that is under way.
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

  /// Asks for a look; nothing happens while one is under way. `may_purge`: a file that somebody reads must stay.
  void look(std::vector<LogReader> readers, bool may_purge);
  State state() const;

 private:
  void run();
  void look_now(const std::vector<LogReader>& readers, bool may_purge);
  /// Problem: what was not found out; told once.
  void tell(const std::string& problem);
  void purge(const RetentionPlan& plan);
  std::optional<Gtids> before(const LogFile& log);

  LookCounter looks_{0};  // nobody compares them
  Server server_;
  const std::uint64_t bytes_max_;
  const Note note_;
  std::string told_;

  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  State state_;
  std::optional<std::vector<LogReader>> asked_;
  bool may_purge_ = false;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
