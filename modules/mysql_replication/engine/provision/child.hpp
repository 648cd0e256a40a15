#pragma once
// Child: one program that is run for a copy, with its words (never a password), where its input and output go, and its
// messages in a file. A process group of its own; ended with it when it is no longer wanted. Belongs to one thread.
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"

namespace clusteragent::mysql {

struct ChildPlan {
  std::vector<std::string> words;
  int input = -1;                                                            // -1: nothing to read
  int output = -1;                                                           // -1: to the file as well
  std::string log_path;                                                      // written anew
  std::string remedy = "install it (package mariadb-backup) on both nodes";  // where it is not there
};

class Child {
 public:
  static Result<Child> start(const ChildPlan& plan);
  Child(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child& operator=(Child&&) = delete;
  /// Ends it.
  ~Child();

  /// Errors: it failed, with its last words; it took longer than `limit`, or nobody wants it any more.
  Status wait(Duration limit, const std::atomic<bool>& is_cancelled);
  Status wait(Duration limit, const std::function<bool()>& is_unwanted);
  /// It has, and wait() says how at once.
  bool has_ended();
  /// Asks it to end, and waits. Errors: as wait().
  Status end(Duration limit, const std::function<bool()>& is_unwanted);

 private:
  Child(pid_t process, std::string name, std::string log_path);
  std::string last_words() const;

  pid_t process_;  // -1: it has ended
  int how_ = 0;    // as waitpid() says
  std::string name_;
  std::string log_path_;
};

/// Started, and waited for.
Status run_child(const ChildPlan& plan, Duration limit, const std::atomic<bool>& is_cancelled);
Status run_child(const ChildPlan& plan, Duration limit, const std::function<bool()>& is_unwanted);

}  // namespace clusteragent::mysql
