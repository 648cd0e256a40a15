#pragma once
// Sliding window over sequence numbers, as in RFC 4303 §3.4.3: each number is accepted once; what is older than the
// window is refused. Pure; a value.
#include <cstdint>

namespace clusteragent::wire {

class ReplayWindow {
 public:
  /// True the first time a number is seen that is not older than the window.
  bool accept(std::uint64_t sequence);
  std::uint64_t highest() const { return highest_; }

 private:
  std::uint64_t highest_ = 0;
  std::uint64_t seen_ = 0;  // bit n: highest_ - n was seen
};

}  // namespace clusteragent::wire
