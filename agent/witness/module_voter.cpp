#include "agent/witness/module_voter.hpp"

#include <utility>

#include "agent/base/log.hpp"
#include "agent/witness/voter_file.hpp"

namespace clusteragent::witness {

ModuleVoter::ModuleVoter(const Loaded& loaded, PromiseFile promises, std::uint64_t challenge, Instant now,
                         ModuleHandlers handlers)
    : voter_{loaded.state},
      promises_{std::move(promises)},
      gates_{wire::WitnessGate{challenge}, wire::WitnessGate{challenge}},
      handlers_{std::move(handlers)} {
  // Also where the votes are gone: an administrator who moves a damaged file away takes no promise back.
  const auto carried = promises_.load();
  // Whoever was promised something counts on it: what is forgotten is waited for.
  if (loaded.is_known && !carried.is_known) silent_until_ = now + loaded.state.lease_max;
  voter_ = core::Voter{loaded.state, carried.promise, silent_until_};
}

ModuleVoter::ModuleVoter(std::string why, PromiseFile promises, std::uint64_t challenge, ModuleHandlers handlers)
    : voter_{core::VoterState{}},
      promises_{std::move(promises)},
      gates_{wire::WitnessGate{challenge}, wire::WitnessGate{challenge}},
      handlers_{std::move(handlers)},
      problem_{std::move(why)},
      is_damaged_{true} {}

void ModuleVoter::take(Instant now, const Asked& asked) {
  last_asked_ = now;
  if (is_damaged_) return refuse(asked);
  if (!pending_) return decide(now, asked);
  if (!answer_beside(now, asked)) waiting_.at(asked.header.node.value()) = asked;
}

void ModuleVoter::decide(Instant now, const Asked& asked) {
  core::Voter next = voter_;
  const auto decision = next.decide(now, asked.request);
  if (!decision.must_store && !is_uncertain_) return settle(std::move(next), asked, decision.answer);
  std::string text = encode_voter(next.state());
  pending_.emplace(Pending{std::move(next), asked, decision.answer});
  handlers_.store(std::move(text));
}

bool ModuleVoter::answer_beside(Instant now, const Asked& asked) {
  core::Voter present = voter_;
  core::Voter future = pending_->next;
  const auto said = present.decide(now, asked.request);
  const auto will_say = future.decide(now, asked.request);
  if (is_uncertain_ || said.must_store || will_say.must_store || !(said.answer == will_say.answer)) return false;
  pending_->next = std::move(future);
  settle(std::move(present), asked, said.answer);
  return true;
}

// The state is on disk; the promise is still to be made safe.
void ModuleVoter::settle(core::Voter next, const Asked& asked, const core::WitnessAnswer& answer) {
  // Untouched, the file keeps what it says: that of a former boot is what makes the next life silent as well.
  const bool is_same = next.promise() == voter_.promise();
  const Status covered = is_same ? success() : promises_.cover(next.promise(), asked.request.lease);
  const bool gives_back = asked.request.verb == core::WitnessVerb::release;
  if (!covered && !gives_back) {
    if (problem_ != covered.error().message) log::critical("witness", "{}", covered.error().message);
    problem_ = covered.error().message;
    // The vote stands, for it is on disk; the promise was not given.
    voter_ = core::Voter{next.state(), voter_.promise(), silent_until_};
    return refuse(asked);
  }
  if (covered) problem_.clear();
  voter_ = std::move(next);
  handlers_.answer(asked, answer);
}

void ModuleVoter::stored(Instant now, const Replacement& replaced) {
  CLUSTERAGENT_ASSERT(pending_);
  const Pending done = std::move(*pending_);
  pending_.reset();
  if (replaced.outcome == Replaced::done) {
    is_uncertain_ = false;
    settle(done.next, done.asked, done.answer);
  } else {
    if (problem_ != replaced.problem) log::critical("witness", "a vote is not stored: {}", replaced.problem);
    problem_ = replaced.problem;
    is_uncertain_ = is_uncertain_ || replaced.outcome == Replaced::uncertain;
    refuse(done.asked);
  }
  // The first of them may begin a write for which the other one waits again.
  for (std::optional<Asked>& waiting : waiting_) {
    if (!waiting) continue;
    const Asked asked = *waiting;
    waiting.reset();
    take(now, asked);
  }
}

void ModuleVoter::refuse(const Asked& asked) {
  core::WitnessAnswer answer;
  answer.refusal = core::Refusal::not_stored;
  answer.record = voter_.state().record;
  handlers_.answer(asked, answer);
}

}  // namespace clusteragent::witness
