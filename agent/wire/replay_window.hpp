#pragma once
// Sliding window over sequence numbers, as in RFC 4303 §3.4.3: each number is accepted once; what is older than the
// window is refused. Pure; a value.
#include <cstdint>

namespace clusteragent::wire {

class ReplayWindow {
 public:
  /// Everything up to `sequence` counts as seen.
  explicit ReplayWindow(std::uint64_t sequence) : highest_{sequence} {}

  static constexpr std::uint64_t width = 64;  // the bits of one word; far more than a network reorders
  /// True the first time a number is seen that is not older than the window.
  bool accept(std::uint64_t sequence);

 private:
  std::uint64_t highest_;
  std::uint64_t seen_ = ~std::uint64_t{0};  // bit n: highest_ - n was seen
};

}  // namespace clusteragent::wire
