#pragma once
// When a count of processes is a failure: the time rules of one <proc>. Pure; time is an argument.
//
// * Nothing is judged for (start_after - 1) polls after arming.
// * A process that was never seen since is missing only one poll after arming: a start script may return while its
//   server is still coming up, and SafeKit, too, looks for the first time within one poll.
// * Once enough were seen, too few is a failure at once.
// * After a verdict the rule is quiet for one poll, so that the answer to it has time to show.
#include <cstdint>
#include <optional>

#include "agent/base/time.hpp"
#include "agent/watch/options.hpp"

namespace clusteragent::watch {

enum class Verdict : std::uint8_t { fine, missing, excess };

class Judge {
 public:
  Judge(const ProcRule& rule, Duration poll);

  void arm(Instant now);
  void disarm() { armed_at_.reset(); }
  bool is_armed() const { return armed_at_.has_value(); }
  std::optional<Instant> armed_at() const { return armed_at_; }

  bool is_too_few(std::uint32_t count) const { return at_least_ && count < *at_least_; }
  bool is_too_many(std::uint32_t count) const;
  Verdict judge(Instant now, std::uint32_t count);

 private:
  std::optional<std::uint32_t> at_least_;
  std::optional<std::uint32_t> at_max_;
  Duration poll_;
  Duration delay_;  // of start_after
  std::optional<Instant> armed_at_;
  Instant quiet_until_;
  bool was_enough_ = false;
};

}  // namespace clusteragent::watch
