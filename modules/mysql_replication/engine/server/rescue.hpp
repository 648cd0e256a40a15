#pragma once
// Rescue: writes transactions that only this server has to files, before anything can overwrite them: NAME.sql to read
// (the rows as comments) and NAME.binlog.sql to be run by a client. The binary log is read by the server's own tool, a
// process each, which does not hold up the caller. One caller at a time.
//
// What exists already under that name is not written again: a file that is there is complete.
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

class Rescue {
 public:
  Rescue() = default;
  Rescue(const Rescue&) = delete;
  Rescue& operator=(const Rescue&) = delete;
  /// Ends what is under way.
  ~Rescue();

  bool is_under_way() const { return !runs_.empty(); }
  /// What to read, of the last begin.
  const std::string& path() const { return path_; }
  /// `tool`: program and arguments that choose the transactions; `logs`: binary logs, oldest first. False: they are
  /// there already. Errors: the folder, or a tool that is not installed.
  Result<bool> begin(const std::string& folder, const std::string& name, const std::vector<std::string>& tool,
                     const std::vector<std::string>& logs);
  /// Once after each begin, when it has ended: the path to read, or why it failed.
  std::optional<Result<std::string>> poll();

 private:
  struct Run {
    pid_t process = -1;
    std::string path;  // gets its name when it is complete
  };
  Status start(const std::string& path, const std::vector<std::string>& arguments);

  std::vector<Run> runs_;
  std::string path_;
  std::optional<Error> failed_;
};

/// Of a set of transactions: fit for the name of a file.
std::string rescue_name(const std::string& gtids);

}  // namespace clusteragent::mysql
