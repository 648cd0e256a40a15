// Times of files: told behind what changed them, once for many changes.
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/leader.hpp"

namespace clusteragent::filesync {

void Leader::touched(const NodeRef& node) {
  if (!node || node->is_local || node->has_new_times) return;
  const std::lock_guard lock{mutex_};
  // A copy takes them along; to remember them until then would keep removed files on the disk.
  if (!ledger_.is_streaming() || node->has_new_times.exchange(true)) return;
  touched_.push_back(node);
}

void Leader::tell_times_of(const NodeRef& node) {
  const auto shared = gate.shared();
  const std::lock_guard file{locks.of(node->id)};
  node->has_new_times = false;
  const OpenNode opened{node};
  struct stat of {};
  if (!opened || backing::stat_of(opened.path(), of) != 0 || of.st_nlink == 0) return;
  AttributeChange change;
  change.times = Times{of.st_atim, of.st_mtim};
  const Packer packed = pack(change);
  record({.op = Op::attributes, .file = node->id}, packed.bytes());
}

void Leader::tell_times() {
  std::vector<NodeRef> touched;
  {
    const std::lock_guard lock{mutex_};
    touched.swap(touched_);
  }
  for (const NodeRef& node : touched) tell_times_of(node);
  flush();
}

}  // namespace clusteragent::filesync
