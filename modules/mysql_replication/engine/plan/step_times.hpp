#pragma once
// StepTimes: how long each step of a change of role took, as a line of the log. PURE: the caller brings the times.
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clusteragent::mysql {

class StepTimes {
 public:
  using Span = std::chrono::nanoseconds;

  void clear() { taken_.clear(); }
  void add(std::string_view what, Span took) { taken_.emplace_back(what, took); }
  /// "23.4 ms: stop receiving 2.1, ... ; looking and waiting 8.0". `all`: from the order to its answer.
  std::string text(Span all) const;

 private:
  std::vector<std::pair<std::string, Span>> taken_;
};

}  // namespace clusteragent::mysql
