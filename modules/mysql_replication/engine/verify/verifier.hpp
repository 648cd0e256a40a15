#pragma once
// Verifier: has the primary's tables compared with the standby's, in a thread and over connections of its own; one
// comparison at a time. Its result is kept in the engine's folder, so it is there after a restart.
//
// The methods are for the worker's thread.
#include <functional>
#include <mutex>
#include <thread>

#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/server/server.hpp"
#include "modules/mysql_replication/engine/verify/comparison.hpp"

namespace clusteragent::mysql {

class Verifier {
 public:
  /// level and text, from the verifier's thread.
  using Note = std::function<void(char, const std::string&)>;

  Verifier(Target own, Target peer, std::string state_path, Note note);
  /// Ends what is under way.
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Errors: one is under way.
  Status begin();
  /// What is under way has lost its ground: no standby that is up to date, another role. Empty: it has it.
  void set_stop_reason(const std::string& reason);
  /// Of the newest one; null: there was none.
  Json progress() const;
  /// What the newest one found wrong, as a sentence; empty: nothing.
  std::string alarm() const;

 private:
  void run();
  Status compare();
  void tell(const Findings& findings);
  void keep(Json result);

  const Target own_;
  const Target peer_;
  const std::string state_path_;
  const Note note_;

  mutable std::mutex mutex_;
  bool is_running_ = false;
  bool is_ending_ = false;
  std::string stop_reason_;
  Json progress_;
  std::chrono::steady_clock::time_point begun_;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
