#pragma once
// Intake: the Ledger's counterpart on the replica: what it owes before and after the next operation of a stream, so
// that its directory is never taken for a state of the primary while it is none. Decides, and does nothing.
//
// No I/O, clock, thread or lock: one for each connection, one caller at a time. Rules: docs/data-safety.md ("What a
// write is"), agent/data/filesync/README.md (rules 1 and 5).
#include "agent/data/filesync/wire/operation.hpp"

namespace clusteragent::filesync {

enum class Duty : std::uint8_t {
  refuse,      // not the next of the stream, or of no copy: the connection is of no use any more
  apply,       // and nothing else
  begin_copy,  // marked as incomplete on disk before anything is changed
  end_copy,    // all of it on disk, then the mark taken away, then `copied`
};

class Intake {
 public:
  /// Of the next operation; done() follows where it was carried out.
  Duty duty_of(Op op, Sequence sequence) const;
  void done(Op op);
  /// What the primary may be told.
  Sequence applied() const { return applied_; }
  /// Between the two ends of a copy: the directory is no state that the primary ever had.
  bool is_copying() const { return is_copying_; }

 private:
  Sequence applied_;
  bool is_copying_ = false;
};

}  // namespace clusteragent::filesync
