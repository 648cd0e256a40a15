#include "agent/data/filesync/ledger/ledger.hpp"

#include <algorithm>

#include "agent/base/assert.hpp"

namespace clusteragent::filesync {

void Ledger::begin_copy() {
  CLUSTERAGENT_ASSERT(may_begin_copy() && waiters_.empty());
  mode_ = Mode::copying;
  connection_++;
  last_ = confirmed_ = Sequence{};
  copy_end_.reset();
  synced_at_.reset();
}

Sequence Ledger::append() {
  CLUSTERAGENT_ASSERT(is_streaming());
  last_ = Sequence{last_.value() + 1};
  return last_;
}

bool Ledger::may_reply(const Waiter& waiter, Mark needed) {
  if (mode_ == Mode::solo || mode_ == Mode::copying) return true;
  // What was done before this connection the copy has taken along.
  if (mode_ == Mode::both && (needed.connection != connection_ || needed.sequence <= confirmed_)) return true;
  waiters_.emplace(needed.sequence, waiter);
  return false;
}

Outcome Ledger::confirmed(Sequence applied) {
  Outcome outcome;
  // A replica that confirms what was never sent is not believed.
  if (!is_streaming() || applied > last_) return outcome;
  confirmed_ = std::max(confirmed_, applied);
  if (mode_ != Mode::both) return outcome;
  outcome.is_synced = became_synced();
  const auto end = waiters_.upper_bound(confirmed_);
  for (auto at = waiters_.begin(); at != end; ++at) outcome.released.push_back(at->second);
  waiters_.erase(waiters_.begin(), end);
  return outcome;
}

Outcome Ledger::copied(Sequence copy_end) {
  Outcome outcome;
  if (mode_ != Mode::copying || copy_end_ != copy_end) return outcome;
  mode_ = Mode::both;
  confirmed_ = std::max(confirmed_, copy_end);
  synced_at_ = last_;
  outcome.is_synced = became_synced();
  return outcome;
}

bool Ledger::became_synced() {
  if (!synced_at_ || confirmed_ < *synced_at_) return false;
  synced_at_.reset();
  return true;
}

Outcome Ledger::lost() {
  Outcome outcome;
  if (mode_ == Mode::copying || synced_at_) {
    mode_ = Mode::solo;
    outcome.released = release_all();
  }
  synced_at_.reset();
  if (mode_ == Mode::both) {
    mode_ = Mode::waiting;
    outcome.is_behind = true;
  }
  return outcome;
}

Outcome Ledger::allow_solo() {
  Outcome outcome;
  if (mode_ != Mode::waiting) return outcome;
  mode_ = Mode::solo;
  outcome.released = release_all();
  return outcome;
}

std::vector<Waiter> Ledger::abandon() {
  mode_ = Mode::waiting;
  synced_at_.reset();
  return release_all();
}

std::vector<Waiter> Ledger::release_all() {
  std::vector<Waiter> all;
  for (const auto& [needed, waiter] : waiters_) all.push_back(waiter);
  waiters_.clear();
  return all;
}

}  // namespace clusteragent::filesync
