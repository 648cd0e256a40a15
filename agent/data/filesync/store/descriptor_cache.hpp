#pragma once
// DescriptorCache: descriptors of files that were used a moment ago. A directory has more files than a process may have
// descriptors; the rest are opened again by their handles (file_handle.hpp). Whoever holds a Ref keeps it open.
// Threads: any.
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class DescriptorCache {
 public:
  using Key = std::uint64_t;
  using Ref = std::shared_ptr<const platform::Fd>;

  explicit DescriptorCache(std::size_t limit) : limit_{limit} {}

  /// Empty: not there.
  Ref find(Key key);
  /// In place of what was there; the one that was used the longest time ago goes.
  Ref put(Key key, platform::Fd descriptor);
  void drop(Key key);
  void clear();
  std::size_t size() const;

 private:
  struct Entry {
    Key key;
    Ref descriptor;
  };

  mutable std::mutex mutex_;
  std::size_t limit_;
  std::list<Entry> entries_;  // used last: first
  std::unordered_map<Key, std::list<Entry>::iterator> places_;
};

}  // namespace clusteragent::filesync
