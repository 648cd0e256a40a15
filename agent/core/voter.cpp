#include "agent/core/voter.hpp"

#include <algorithm>

namespace clusteragent::core {

Voter::Voter(const VoterState& loaded, std::optional<Promise> promise, Instant silent_until)
    : state_{loaded}, promise_{promise}, silent_until_{silent_until} {}

Refusal Voter::why_not(Instant now, const WitnessRequest& request) const {
  if (now < silent_until_) return Refusal::rebooted;
  const Record& known = state_.record;
  const bool is_promised = promise_ && promise_->holder != request.from && now < promise_->until;
  const bool asks_to_lead = request.verb == WitnessVerb::vote || request.verb == WitnessVerb::query;
  const bool claims = request.verb == WitnessVerb::renew || request.verb == WitnessVerb::vote;
  if (claims && request.record.holder != request.from) return Refusal::outdated;
  const bool is_repeated = request.record == known && state_.voted_for == request.from;
  if (request.verb == WitnessVerb::vote && request.record.epoch <= state_.voted_epoch && !is_repeated) {
    return Refusal::voted;
  }
  // Of one epoch and revision there is one record.
  if (claims && !is_newer(request.record, known) && request.record != known) return Refusal::outdated;
  if (is_newer(known, request.record) && request.verb != WitnessVerb::query) return Refusal::outdated;
  if (is_promised) return Refusal::promised;
  if (asks_to_lead && !request.is_forced && !known.sync_set.contains(request.from)) return Refusal::outside_sync_set;
  return Refusal::none;
}

Voter::Decision Voter::decide(Instant now, const WitnessRequest& request) {
  Decision decision;
  decision.answer.refusal = why_not(now, request);
  decision.answer.is_granted = decision.answer.refusal == Refusal::none;
  if (request.verb == WitnessVerb::release) {
    // Whatever else is so: the holder that lets go needs no promise any more.
    if (promise_ && promise_->holder == request.from) promise_.reset();
    decision.answer.is_granted = true;
    decision.answer.refusal = Refusal::none;
  } else if (decision.answer.is_granted && request.verb != WitnessVerb::query) {
    const VoterState before = state_;
    if (request.verb == WitnessVerb::vote) {
      state_.voted_epoch = request.record.epoch;
      state_.voted_for = request.from;
    }
    // A renewal brings the record of a tenure that the two nodes agreed on without this voter.
    if (!is_newer(state_.record, request.record)) state_.record = request.record;
    state_.voted_epoch = std::max(state_.voted_epoch, state_.record.epoch);
    if (state_.voted_epoch == state_.record.epoch) state_.voted_for = state_.record.holder;
    state_.lease_max = std::max(state_.lease_max, request.lease);
    // The answer to a shorter renewal may get lost, and the holder count on the longer one.
    const Instant before_it = promise_ && promise_->holder == request.from ? promise_->until : now;
    promise_ = Promise{request.from, std::max(before_it, now + request.lease)};
    decision.must_store = !(before == state_);
  }
  decision.answer.record = state_.record;
  if (decision.answer.refusal == Refusal::promised) decision.answer.retry_after = promise_->until - now;
  if (decision.answer.refusal == Refusal::rebooted) decision.answer.retry_after = silent_until_ - now;
  return decision;
}

}  // namespace clusteragent::core
