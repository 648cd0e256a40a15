#include "modules/mysql_replication/engine/verify/suspicion.hpp"

namespace clusteragent::mysql {

Suspicion::Verdict Suspicion::add(const Reading& reading, Time now) {
  if (reading.standby == reading.before || reading.standby == reading.after) return Verdict::equal;
  const bool is_still = reading.before == reading.after;
  const bool is_same = is_still && last_ && last_->before == reading.before && last_->standby == reading.standby;
  if (is_same) return now - since_ >= certainty ? Verdict::differs : Verdict::open;
  if (last_ || !is_still) ++changes_;
  last_.reset();
  if (is_still) {
    last_ = reading;
    since_ = now;
  }
  return changes_ >= changes_max ? Verdict::busy : Verdict::open;
}

}  // namespace clusteragent::mysql
