#pragma once
// Sync set: which nodes hold every acknowledged write, on record where a node that wants to take over must look. Only
// where a provider mirrors the data (Policy::mirrors_data). Internal to agent/core, as machine.hpp.
//
// A new record begins as a proposal of the primary or of a candidate: on its own disk, kept apart from what is known.
// It becomes a record once a second voter has it, the other node or the witness; without a witness its own disk is
// enough. A proposal that got no answer is never forgotten over a restart: its voter may have taken it. Until that is
// known the node neither leads on it nor promises anything. Rules and their reasons: docs/data-safety.md.
#include <optional>
#include <string>

#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

/// What the primary knows of its provider, and what it has told it.
struct SyncSight {
  bool is_proposal_inherited = false;  // of a former life of this agent: it may have been led on
  // This node was away, and the peer may have gone on without it: until the peer has heard this beat.
  std::optional<std::uint64_t> unsure_until_beat;
  // The first that carries the proposal of a narrower set: without a witness it counts once the peer has heard it.
  std::optional<std::uint64_t> narrowing_beat;
  bool is_leading = false;              // the provider was told to lead in this tenure
  Epoch led_epoch;                      // ... under this number, which may grow within a tenure
  bool is_synced = false;               // the provider's word of this tenure: the other node has everything
  std::optional<Instant> behind_since;  // the provider does not reach the other node; writes wait
  bool allows_solo = false;             // ... or are acknowledged without it
  bool gave_up_open_end = false;        // on the way to a wider set this node lives on promises again
  std::string undo_reason;              // LeadData failed before anything could be written
  std::optional<Instant> sharing_since;
};

// ---- records and proposals
Epoch highest_epoch_of(const DurableState& state);
/// The newest record that may be named to others: it is on this node's disk, in either place.
Record record_on_disk(const Machine& m);
/// A wish of this node that is on its disk and not known to have a second voter.
std::optional<Record> proposal_on_disk(const Machine& m);
/// The same, where others are asked to vote for it: in a tenure or candidacy, and after a restart.
std::optional<Record> proposal_to_tell(const Machine& m);
/// A tenure asks for a number above one that the peer has voted in: that takes a vote, as a take-over does.
bool seeks_new_epoch(const Machine& m);
/// The record that this node wants there to be.
const Record& newest_wish(const Machine& m);
bool is_tenure_on_disk(const Machine& m);
/// The tenure is on record, which every other candidate meets.
bool is_own_record(const Machine& m);
void propose(Machine& m, const Record& record);
void propose_tenure(Machine& m);
void accept_own_proposal(Machine& m);
/// The same where the peer is the only other voter, and has heard of it, cannot be asked, or was.
void accept_without_witness(Machine& m);
void forget_proposal(Machine& m);
/// A newer record than any known; a primary keeps to its own until it has let go.
void adopt_record(Machine& m, const Record& seen);
/// Another voter knows this record: an own proposal that equals it is one no longer.
void take_acceptance(Machine& m, const Record& seen);
/// The newest frame of the peer may carry a proposal for this node's vote.
void vote_for_peer(Machine& m);

// ---- what follows from them
/// Nobody else can be elected, with or without promises: both other voters would meet a record that excludes the peer.
bool has_open_end(const Machine& m);
bool is_superseded(const Machine& m);
/// Which node has the newest data is known to the other node or the witness only.
bool is_undecided(const Machine& m);
/// This node follows a primary that may not have heard this life of it yet.
void doubt_until_heard(Machine& m);
/// This process stood still; with no third voter only the peer can say what became of its role meanwhile.
void note_stall(Machine& m);
bool is_first_start(const Machine& m);
bool peer_may_have_gone_on(const Machine& m);

// ---- the provider
/// A new tenure: what the provider said in the former one is over.
void begin_data_tenure(Machine& m);
void lead_data(Machine& m, Token token);
/// LeadData failed with both copies as they were when the tenure began: the other node is to be able to lead again.
bool can_undo_lead(const Machine& m, const ActionFinished& finished);
/// On the way to a record that says so; false once it is there, or a second voter did not answer in time.
bool awaits_sharing(Machine& m);
void on_provider_synced(Machine& m, const ProviderSynced& event);
void on_provider_behind(Machine& m, const ProviderBehind& event);
/// Widens or narrows the set, and ends the wait of writes once it is narrow on record.
void update_sync_set(Machine& m);
std::optional<Instant> next_sync_deadline(const Machine& m);

}  // namespace clusteragent::core
