#include "agent/witness/register_voter.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace clusteragent::witness {
namespace {

using core::NodeSet;
using core::Voter;
using core::WitnessAnswer;
using core::WitnessVerb;

// Only two nodes write here, each a few times a lease.
constexpr int swaps_max = 4;

}  // namespace

RegisterStep RegisterVoter::begin(Instant now, const core::WitnessRequest& request) {
  request_ = request;
  proposed_.reset();
  swaps_left_ = swaps_max;
  // What would be granted on what was read last is granted only if that is still there; a refusal needs a look.
  const bool may_guess = known_ && is_current_ && problem_.empty() && request.verb != WitnessVerb::query;
  if (!may_guess) return Read{};
  RegisterStep guessed = decide(now);
  if (std::holds_alternative<Swap>(guessed)) return guessed;
  return Read{};
}

RegisterStep RegisterVoter::on_read(Instant now, const Reading& reading) {
  take(now, reading);
  if (!problem_.empty()) return refuse_untrusted();
  return decide(now);
}

RegisterStep RegisterVoter::on_swapped(Instant now, std::uint64_t cluster_id, std::int64_t revision) {
  const auto proposed = std::exchange(proposed_, std::nullopt);
  if (!proposed) return Unanswered{};
  take(now, {cluster_id, revision, revision, encode_register(proposed->first)});
  if (!problem_.empty()) return refuse_untrusted();
  return proposed->second;
}

void RegisterVoter::observe(Instant now, const Reading& reading) {
  take(now, reading);
}

void RegisterVoter::abandon() {
  is_current_ = false;
  proposed_.reset();
}

bool RegisterVoter::is_going_back(const Reading& reading) {
  const bool is_other = cluster_id_ && *cluster_id_ != reading.cluster_id;
  const bool has_lost_writes = reading.revision < revision_max_ || reading.mod_revision < mod_revision_max_;
  if (is_other) {
    problem_ = fmt::format("etcd is another cluster than before ({:x}, was {:x})", reading.cluster_id, *cluster_id_);
  } else if (mod_revision_max_ != 0 && reading.mod_revision == 0 && reading.revision >= revision_max_) {
    problem_ = fmt::format("the key {} was deleted from etcd", key_);
  } else if (has_lost_writes) {
    problem_ = fmt::format("etcd went back from revision {} to {}: a backup was restored, or its data were lost",
                           revision_max_, reading.revision);
  }
  if (problem_.empty()) return false;
  problem_ += "; votes and promises may be forgotten. While both nodes hear each other, restart their agents to use it";
  return true;
}

void RegisterVoter::take(Instant now, const Reading& reading) {
  if (is_distrusted_) return;
  problem_.clear();
  is_distrusted_ = is_going_back(reading);
  if (is_distrusted_) return;
  cluster_id_ = reading.cluster_id;
  revision_max_ = reading.revision;
  mod_revision_max_ = reading.mod_revision;
  const bool is_unchanged = known_ && known_->mod_revision == reading.mod_revision;
  is_current_ = true;
  if (is_unchanged) return;
  auto value = decode_register(reading.mod_revision == 0 ? std::string_view{} : std::string_view{reading.value});
  if (value && reading.mod_revision != 0 && reading.value.empty()) value = Error{ErrorCode::corrupt, "it is empty"};
  if (!value) {
    problem_ = fmt::format(
        "the key {} in etcd is not used and not overwritten: {}. If nobody else writes there, delete "
        "it while both nodes hear each other, and restart their agents",
        key_, value.error().message);
    known_.reset();
    return;
  }
  known_ = Known{*value, reading.mod_revision, now};
}

RegisterStep RegisterVoter::refuse_untrusted() const {
  WitnessAnswer answer;
  answer.refusal = core::Refusal::not_stored;
  // The newest record that was understood; without any, that of nobody.
  if (known_) answer.record = known_->value.record;
  return answer;
}

RegisterStep RegisterVoter::decide(Instant now) {
  const RegisterValue& there = known_->value;
  const bool holds_it = there.promise && there.promise->holder == request_.from;
  std::optional<core::Promise> promise;
  if (there.promise) promise = core::Promise{there.promise->holder, known_->first_seen + there.promise->lease};
  Voter voter{{there.record, there.voted_epoch, there.voted_for, {}}, promise};
  const Voter::Decision decision = voter.decide(now, request_);
  RegisterValue next{voter.state().record, voter.state().voted_epoch, voter.state().voted_for, there.promise};
  const bool promises = request_.verb == WitnessVerb::vote || request_.verb == WitnessVerb::renew;
  const bool lets_go = request_.verb == WitnessVerb::release && holds_it;
  if (decision.answer.is_granted && promises) {
    // The answer to a shorter renewal may get lost, and the holder count on the longer one.
    next.promise =
        RegisterPromise{request_.from, holds_it ? std::max(there.promise->lease, request_.lease) : request_.lease};
  } else if (decision.answer.is_granted && lets_go) {
    next.promise.reset();
  } else {
    return decision.answer;
  }
  if (swaps_left_-- == 0) return Unanswered{};
  Swap swap{known_->mod_revision, encode_register(next)};
  proposed_.emplace(std::move(next), decision.answer);
  return swap;
}

}  // namespace clusteragent::witness
