#pragma once
// The userlog: one file a run of a script, written by the script itself.
//
// Choice: standard output of a script IS the file, not a pipe that the agent empties. A server that start_prim leaves
// behind goes on writing to what it inherited; with a pipe its writes would fail (SIGPIPE) as soon as the agent
// restarts and would block as soon as the agent stands still. The price: the agent bounds the size from outside. A
// keeper thread looks at the files five times a second while a script runs and every ten seconds afterwards, and cuts a
// file that has grown beyond its limit down to its last half (the files are in append mode, so writers go on at the new
// end). What is written in the instant of the cut may be lost; that is said in the file. Threads: names are pure; the
// keeper's methods may be called from any thread, serve() blocks and has its own.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/hooks/fd.hpp"

namespace clusteragent::hooks {

/// `userlog_<date>T<time>_<script>.ulog`; the time has milliseconds, so that two runs within a second differ and names
/// sort by age.
std::string userlog_name(const std::tm& local, unsigned milliseconds, std::string_view script);
/// The script in such a name; empty: it is no userlog.
std::string_view userlog_script(std::string_view file_name);
/// Which of these files have to go so that at most `files_max` stay: the oldest, but never a script's newest, because
/// what that run started may still write to it.
std::vector<std::string> surplus_userlogs(std::vector<std::string> file_names, std::size_t files_max);

struct Userlog {
  Fd file;  // append mode
  std::string path;
};

/// Cuts a file that is longer than `bytes_max` to its last half.
Status shrink_userlog(const std::string& path, std::uint64_t bytes_max);

class UserlogKeeper {
 public:
  UserlogKeeper(std::string directory, std::uint64_t bytes_max, std::size_t files_max)
      : directory_{std::move(directory)}, bytes_max_{bytes_max}, files_max_{files_max} {}

  /// A new file for one run; makes the directory and removes surplus files. Blocks on the disk.
  Result<Userlog> create(std::string_view script);
  /// Between these two the files are looked at closely.
  void run_began();
  void run_ended();

  /// The keeper's thread: returns after close().
  void serve();
  void close();

 private:
  bool wait_for_turn();
  void look_at_sizes() const;
  void remove_surplus() const;

  const std::string directory_;
  const std::uint64_t bytes_max_;
  const std::size_t files_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;
  bool was_used_ = false;  // nothing to look at before the first run
  bool is_closed_ = false;
  std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> last_moment_;  // of the newest name
};

}  // namespace clusteragent::hooks
