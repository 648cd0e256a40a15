#pragma once
// Whether a range that looked different is different. PURE.
//
// The two servers are read one after the other while the application writes, so a range that changes looks different
// without being it. It is equal as soon as the standby once showed what the primary showed before or after. It differs
// when both showed the same again and again, for longer than a commit can be on the standby and not yet visible on the
// primary: that waits for the standby's word, and a standby whose word does not come counts as lost sooner.
#include <chrono>
#include <optional>

#include "modules/mysql_replication/engine/verify/table.hpp"

namespace clusteragent::mysql {

/// One reading of a range: the primary, then the standby when it had applied what the primary had then, then the
/// primary again.
struct Reading {
  Content before;
  Content standby;
  Content after;
};

class Suspicion {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Verdict {
    open,  // read it again
    equal,
    differs,
    busy,  // it changes all the time: read smaller parts of it
  };

  Verdict add(const Reading& reading, Time now);

 private:
  std::optional<Reading> last_;  // nothing has changed on either since then
  Time since_{};
  unsigned changes_ = 0;
};

/// So long nothing may have changed in what differs.
inline constexpr std::chrono::seconds certainty{10};
/// A range that has changed so often while it was looked at, and was never equal, is busy.
inline constexpr unsigned changes_max = 4;

}  // namespace clusteragent::mysql
