#pragma once
// RegisterVoter: the third voter where it is only a register that compares and swaps (etcd) and knows no time. Each
// node decides for itself by the rules of core::Voter on what it has read, and the decision counts once the register
// took it in place of exactly what was read. Another node's promise is over when this node has seen it unchanged for
// its whole lease: the holder counts from before it wrote, the reader from when it first read, so the promise outlasts
// the belief in it, and the vote, which replaces what was read, proves that nothing was renewed meanwhile.
//
// Pure: one a module and life of the agent, driven by EtcdClient and by the simulator. One question at a time. `now` is
// this node's CLOCK_BOOTTIME; of a response, when it was processed: later is safe. Errors: what cannot be trusted is
// refused (not_stored) with problem(), never overwritten. Rules and reasons: docs/witness.md.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "agent/witness/register_value.hpp"

namespace clusteragent::witness {

/// One response of the store about the module's key, read linearizably.
struct Reading {
  std::uint64_t cluster_id = 0;
  std::int64_t revision = 0;      // of the whole store: grows with each write to anything
  std::int64_t mod_revision = 0;  // of the key: that of the write which it holds; 0: there is no such key
  std::string value;
};

struct Read {};
/// Put `value` if the key's mod_revision is still that one; otherwise read.
struct Swap {
  std::int64_t mod_revision = 0;
  std::string value;
};
/// The other node was faster each time: the question is better asked again.
struct Unanswered {};
using RegisterStep = std::variant<Read, Swap, core::WitnessAnswer, Unanswered>;

class RegisterVoter {
 public:
  /// `key`: for problem().
  explicit RegisterVoter(std::string key) : key_{std::move(key)} {}

  RegisterStep begin(Instant now, const core::WitnessRequest& request);
  /// The answer to Read, or to a Swap that found something else.
  RegisterStep on_read(Instant now, const Reading& reading);
  /// The Swap took place and made that revision.
  RegisterStep on_swapped(Instant now, std::uint64_t cluster_id, std::int64_t revision);
  /// No question: what is there is looked at, so that the wait for another node's promise is over when it matters.
  void observe(Instant now, const Reading& reading);
  /// The question gets no response. Whether a Swap took place is not known: the next question reads first.
  void abandon();

  /// As last read.
  bool is_promised_to(NodeId node) const {
    return known_ && known_->value.promise && known_->value.promise->holder == node;
  }
  /// Empty: none. Otherwise why every question is refused, what to do included.
  const std::string& problem() const { return problem_; }

 private:
  struct Known {
    RegisterValue value;
    std::int64_t mod_revision = 0;
    Instant first_seen;
  };

  bool is_going_back(const Reading& reading);
  void take(Instant now, const Reading& reading);
  RegisterStep decide(Instant now);
  RegisterStep refuse_untrusted() const;

  std::string key_;
  std::string problem_;
  bool is_distrusted_ = false;  // the store went back: for the rest of this life
  std::optional<std::uint64_t> cluster_id_;
  std::int64_t revision_max_ = 0;
  std::int64_t mod_revision_max_ = 0;
  std::optional<Known> known_;
  bool is_current_ = false;  // no write of this node's own is in doubt
  core::WitnessRequest request_;
  std::optional<std::pair<RegisterValue, core::WitnessAnswer>> proposed_;
  int swaps_left_ = 0;
};

}  // namespace clusteragent::witness
