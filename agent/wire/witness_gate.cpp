#include "agent/wire/witness_gate.hpp"

namespace clusteragent::wire {

std::uint64_t WitnessGate::challenge_for(Incarnation incarnation) const {
  return believed_ && believed_->incarnation == incarnation ? believed_->challenge : next_challenge_;
}

Entry WitnessGate::judge(const WitnessHeader& header) {
  if (header.challenge != challenge_for(header.incarnation)) return Entry::unproven;
  if (believed_ && believed_->incarnation == header.incarnation) {
    if (header.ask <= believed_->ask) return Entry::stale;
    believed_->ask = header.ask;
    return Entry::admitted;
  }
  believed_ = Life{header.incarnation, header.challenge, header.ask};
  ++next_challenge_;
  if (next_challenge_ == 0) ++next_challenge_;  // 0 is what an asker says that knows none
  return Entry::admitted;
}

}  // namespace clusteragent::wire
