#include "agent/core/hold_down.hpp"

#include <algorithm>

#include "agent/base/assert.hpp"

namespace clusteragent::core {

void HoldDown::role_changed(Instant now) {
  CLUSTERAGENT_ASSERT(changed_at_.empty() || now >= changed_at_.back());
  while (!changed_at_.empty() && now - changed_at_.front() >= limits_.window) changed_at_.pop_front();
  changed_at_.push_back(now);
  if (changed_at_.size() > changes_max) changed_at_.pop_front();
  if (changed_at_.size() <= changes_free) return;
  Duration hold = limits_.first;
  for (std::size_t more = changes_free + 1; more < changed_at_.size() && hold < limits_.longest; ++more) hold *= 2;
  until_ = now + std::min(hold, limits_.longest);
}

std::optional<Instant> HoldDown::until(Instant now) const {
  return is_held(now) ? until_ : std::nullopt;
}

std::size_t HoldDown::changes(Instant now) const {
  return static_cast<std::size_t>(
      std::count_if(changed_at_.begin(), changed_at_.end(), [&](Instant at) { return now - at < limits_.window; }));
}

}  // namespace clusteragent::core
