#include "agent/data/succession.hpp"

#include <utility>

#include "agent/base/assert.hpp"

namespace clusteragent::data {

void Succession::keep(const std::string& key, Json about, std::vector<platform::Fd> descriptors) {
  // One that did not fit into this process, or one too many: its file is lost should the engine die.
  if (descriptors.empty() || kept_.size() >= kept_max) return;
  kept_[key] = {std::move(about), std::move(descriptors)};
}

bool Succession::may_take_over(Instant now) const {
  if (!is_leading() || kept_.empty() || is_under_way_) return false;
  return !began_ || now - *began_ >= succession_pause_min;
}

void Succession::begin(Instant now) {
  CLUSTERAGENT_ASSERT(may_take_over(now));
  began_ = now;
  is_under_way_ = true;
}

void Succession::failed() {
  is_under_way_ = false;
  is_solo_.reset();
  drop_all();
}

Duration Succession::succeeded(Instant now) {
  CLUSTERAGENT_ASSERT(is_under_way_);
  is_under_way_ = false;
  count_++;
  return now - *began_;
}

}  // namespace clusteragent::data
