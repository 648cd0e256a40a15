#pragma once
// LogReader: a log file that is rotated by renaming (`module.log`, `module.1.log`, ...) read as one text. Blocking; one
// thread. What cannot be read counts as empty, except that the newest file must be there.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::cli {

/// `module.2.log`, `module.1.log`, `module.log`: those that exist, oldest first.
std::vector<std::string> log_files(const std::string& path);

class LogReader {
 public:
  explicit LogReader(std::string path) : path_{std::move(path)} {}
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  /// The newest lines, across rotated files; reading on begins after them.
  Result<std::vector<std::string>> last_lines(std::size_t count);
  /// What was written since, whole lines only; after a rotation the rest of the old file first.
  std::string read_on();

 private:
  bool open();
  bool was_rotated() const;
  std::string take_all();

  std::string path_;
  int file_ = -1;
  std::string partial_;  // of a line that is still being written
};

}  // namespace clusteragent::cli
