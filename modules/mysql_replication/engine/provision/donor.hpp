#pragma once
// Donor: the primary's side of a copy. Waits for the other node's engine, runs the tool that both nodes have beside its
// own server while that goes on serving, and sends what it writes, no faster than configured; a clone the other side's
// server fetches from this side's. One copy at a time; a node that does not lead refuses. Threads of its own; the
// methods are for any.
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/provision/link.hpp"
#include "modules/mysql_replication/engine/server/accounts.hpp"

namespace clusteragent::mysql {

class Donor {
 public:
  /// level and text, from a thread of its own.
  using Note = std::function<void(char, const std::string&)>;

  Donor(const Options& options, const Accounts& accounts, Note note);
  /// Ends what is under way.
  ~Donor();
  Donor(const Donor&) = delete;
  Donor& operator=(const Donor&) = delete;

  void set_leading(bool is_leading) { is_leading_ = is_leading; }
  void set_keys(std::vector<filesync::SharedKey> keys);
  /// Of the copy under way; 0: none.
  std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  void run();
  void serve(filesync::Channel& channel);
  /// In a thread of its own, beside the one that serves the connection.
  void pump(filesync::Channel& channel);
  Status send_copy(filesync::Channel& channel);
  Status send_output(filesync::Channel& channel, std::vector<std::string> words);
  Status wait_for(const std::atomic<bool>& said) const;
  /// With the login that the tools read.
  Result<CopyHead> look_at_server(std::string& login) const;
  Status send_stream(filesync::Channel& channel, int from);
  void keep_pace(std::uint64_t bytes, std::chrono::steady_clock::time_point since) const;
  std::vector<filesync::SharedKey> keys() const;

  const Options options_;
  const Accounts accounts_;
  const Note note_;
  mutable std::mutex mutex_;
  std::vector<filesync::SharedKey> keys_;
  std::atomic<bool> is_leading_ = false;
  std::atomic<bool> is_ending_ = false;
  std::atomic<bool> is_over_ = false;  // of the connection
  CopyMeans other_;                    // what the other side has
  std::atomic<bool> is_other_ready_ = false;
  std::atomic<bool> is_cloned_ = false;
  std::atomic<std::uint64_t> sent_bytes_ = 0;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
