#include "agent/data/filesync/ledger/intake.hpp"

namespace clusteragent::filesync {

Duty Intake::duty_of(Op op, Sequence sequence) const {
  if (sequence != Sequence{applied_.value() + 1}) return Duty::refuse;
  if (op == Op::manifest_begin) return Duty::begin_copy;
  // Every stream begins with a copy: what comes before it is about a directory that this one was never made equal to.
  if (applied_ == Sequence{}) return Duty::refuse;
  if (op != Op::copy_end) return Duty::apply;
  return is_copying_ ? Duty::end_copy : Duty::refuse;
}

void Intake::done(Op op) {
  applied_ = Sequence{applied_.value() + 1};
  if (op == Op::manifest_begin) is_copying_ = true;
  if (op == Op::copy_end) is_copying_ = false;
}

}  // namespace clusteragent::filesync
