#include "agent/watch/judge.hpp"

#include <algorithm>

namespace clusteragent::watch {

Judge::Judge(const ProcRule& rule, Duration poll)
    : at_least_{rule.at_least},
      at_max_{rule.at_max},
      poll_{poll},
      delay_{rule.start_after > 1 ? poll * (rule.start_after - 1) : Duration{}} {}

void Judge::arm(Instant now) {
  armed_at_ = now;
  quiet_until_ = now + delay_;
  was_enough_ = false;
}

bool Judge::is_too_many(std::uint32_t count) const {
  return at_max_ && count >= std::max(*at_max_, 1U);
}

Verdict Judge::judge(Instant now, std::uint32_t count) {
  if (!armed_at_) return Verdict::fine;
  const bool too_few = is_too_few(count);
  if (!too_few) was_enough_ = true;
  if (now < quiet_until_) return Verdict::fine;
  if (too_few && !was_enough_ && now < *armed_at_ + std::max(poll_, delay_)) return Verdict::fine;
  if (!too_few && !is_too_many(count)) return Verdict::fine;
  quiet_until_ = now + poll_;
  return too_few ? Verdict::missing : Verdict::excess;
}

}  // namespace clusteragent::watch
