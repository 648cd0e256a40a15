#pragma once
// Two machines on a cable, made of network namespaces, for the tests of agent/vip and agent/fence.
//
// The namespaces have no names: they live as long as this process holds their descriptors, so they are gone however a
// test ends. Threads: a namespace may be used from several; enter() changes the calling thread's only.
#include <functional>
#include <string>

#include "agent/base/time.hpp"

namespace clusteragent::testing {

struct ShellResult {
  int exit_code = -1;
  std::string output;  // both streams
};

class Namespace {
 public:
  /// Fails the test with a clear message when the process is not root.
  Namespace();
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  /// Runs `work` on a thread inside; threads and sockets made there stay inside.
  void run(const std::function<void()>& work) const;
  /// Moves the calling thread inside for good.
  void enter() const;
  /// Runs a shell line inside.
  ShellResult shell(const std::string& line) const;
  /// The same, and the test fails when it does.
  void must(const std::string& line) const;
  /// A path by which other programs reach it while this process lives.
  std::string path() const;

 private:
  int descriptor_ = -1;
};

/// a: interface `cable` with 10.7.0.1/24 and fd07::1/64; b: `cable` with 10.7.0.2/24 and fd07::2/64; both links up.
struct Lan {
  Namespace a;
  Namespace b;
  Lan();
};

/// Asks again until it holds; false after `limit`.
bool eventually(Duration limit, const std::function<bool()>& holds);

}  // namespace clusteragent::testing
