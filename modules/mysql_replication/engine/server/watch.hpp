#pragma once
// Watch: looks at the other node's server in a thread of its own, so that one that does not answer never delays what
// has to be done at this node's. Looks are asked for; the newest one is kept.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "modules/mysql_replication/engine/server/server.hpp"

namespace clusteragent::mysql {

class Watch {
 public:
  /// `seen` is called in the thread of the watch after each look.
  Watch(Target target, LookCounter& looks, std::function<void()> seen);
  /// Waits for the look that is under way.
  ~Watch();

  /// For a look that begins from now on. Purged: what its log no longer has, which costs two statements more.
  void ask(bool wants_purged);
  View newest() const;

 private:
  void run();

  Server server_;
  const std::function<void()> seen_;
  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  View newest_;
  bool is_asked_ = false;
  bool wants_purged_ = false;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
