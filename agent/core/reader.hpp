#pragma once
// The readers' address: virtual addresses for clients that only read. The secondary answers for it while what it has is
// fresh enough, the primary otherwise. No data depends on it, so a moment without it is allowed, and two holders are
// kept from coming about with the means of the virtual IP:
//
// * The primary decides, and its heartbeats say so. The secondary takes the address on such a word only, and lets go
//   when the word is withdrawn.
// * The secondary's lease ends a permit's length after the sending of the newest of its beats that the primary is known
//   to have heard. The primary's is its permit for the virtual IP.
// * While the primary has it, it grants none. It takes it when the secondary has said, behind a word that grants
//   nothing, that its kernel does not answer; or when it has heard nothing for the timeout, by which time that lease is
//   over, whatever became of the secondary's agent.
//
// Pure, as all of the core; the kernel enforces the lease (core::SetReaderPermit).
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "agent/core/events.hpp"
#include "agent/core/quorum.hpp"
#include "agent/core/view.hpp"

namespace clusteragent::core {

struct Machine;

/// What the decision hangs on, of one node at one moment.
struct ReaderFacts {
  bool leads = false;             // primary, and its permit for the virtual IP lives
  bool takes_over = false;        // on the way to that
  bool leaves = false;            // on the way out: takes nothing more, and what the secondary has may stay there
  bool follows = false;           // settled secondary of a primary that is heard
  bool has_lease = false;         // what the kernel is told of the readers' address would not end at once
  bool holds = false;             // this node's kernel may answer
  bool peer_holds = false;        // the other one says the same of itself
  bool peer_serves = false;       // of a primary: the secondary is there and fit
  bool peer_cannot_hold = false;  // of a primary: it has let go, or its lease is over
  bool is_fit = false;            // of a secondary: fresh enough, and for long enough
  bool is_granted = false;        // of a secondary: the primary's newest word
};
/// Whether this node is to have the address; false also where it only waits for the other one to let go.
bool wants_reader(const ReaderFacts& facts);
/// What a primary tells the secondary.
bool grants_reader(const ReaderFacts& facts);

/// What a node knows and does about it.
struct ReaderSight {
  Instant began;       // of this life: a former one may have told the peer what this one does not know
  bool holds = false;  // from the order to set it until the answer that it is removed
  std::optional<Token> acquiring;
  std::optional<Token> releasing;
  std::optional<Instant> permit_until;
  std::optional<Instant> retry_at;  // after the kernel's refusal
  std::string problem;              // what it refused
  bool must_release = false;        // the kernel did not take it away
  bool grants = false;
  std::uint64_t withdrawn_beat = 0;  // from this one on no beat grants
  std::deque<SentBeat> sent;         // the newest last
  std::optional<Instant> acked;      // when the newest was sent that the peer is known to have heard
  // Of the replica, as its provider says
  std::optional<ReplicaSeen> seen;
  Instant seen_at;
  bool is_fit = false;
  std::optional<Instant> good_since;
};

// reader.cpp; all do nothing where Policy::reader is not configured
void note_reader_beat(Machine& m);  // a beat was sent
void take_reader_ack(Machine& m);   // a frame was heard
void on_replica_seen(Machine& m, const ReplicaSeen& event);
void on_reader_lost(Machine& m, const ReaderLost& event);
/// True: the answer was to an action of this file.
bool on_reader_finished(Machine& m, const ActionFinished& event);
void update_reader(Machine& m);
/// After beats were sent, which renew what this node's lease comes from.
void renew_reader_permit(Machine& m);
std::optional<Instant> next_reader_deadline(const Machine& m);
ReaderView view_reader(const Machine& m);

}  // namespace clusteragent::core
