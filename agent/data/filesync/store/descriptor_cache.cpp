#include "agent/data/filesync/store/descriptor_cache.hpp"

namespace clusteragent::filesync {

DescriptorCache::Ref DescriptorCache::find(Key key) {
  const std::lock_guard lock{mutex_};
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return entries_.front().descriptor;
}

DescriptorCache::Ref DescriptorCache::put(Key key, platform::Fd descriptor) {
  auto made = std::make_shared<const platform::Fd>(std::move(descriptor));
  // Closed after the lock is free: to close may take a while.
  std::list<Entry> gone;
  const std::lock_guard lock{mutex_};
  const auto place = places_.find(key);
  if (place != places_.end()) gone.splice(gone.begin(), entries_, place->second);
  entries_.push_front({key, made});
  places_[key] = entries_.begin();
  while (entries_.size() > limit_) {
    places_.erase(entries_.back().key);
    gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
  }
  return made;
}

void DescriptorCache::drop(Key key) {
  std::list<Entry> gone;
  const std::lock_guard lock{mutex_};
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  gone.splice(gone.begin(), entries_, place->second);
  places_.erase(place);
}

void DescriptorCache::clear() {
  const std::lock_guard lock{mutex_};
  entries_.clear();
  places_.clear();
}

std::size_t DescriptorCache::size() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

}  // namespace clusteragent::filesync
