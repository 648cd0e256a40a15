#pragma once
// ModuleVoter: the voter of one module with what keeps its word: nothing that it decides is told before it is on disk,
// and no promise before it would survive a restart of the daemon.
//
// While a write is under way the voter is two: the one that the disk has, and the one that it will have. A question to
// which both say the same, and which changes neither on disk, is answered at once (renewals go on). Any other waits for
// the disk; of each node the newest waits and older ones are dropped.
//
// Ownership: the server's. Threads: the loop only; a disk is never waited for here. Bounds: one write under way, one
// question of each node waiting.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/voter.hpp"
#include "agent/wire/witness_gate.hpp"
#include "agent/witness/datagram_socket.hpp"
#include "agent/witness/promise_file.hpp"
#include "agent/witness/sealed_text.hpp"

namespace clusteragent::witness {

/// An authentic, fresh question.
struct Asked {
  wire::WitnessHeader header;
  core::WitnessRequest request;
  ReplyPath to;
};

struct ModuleHandlers {
  std::function<void(const Asked&, const core::WitnessAnswer&)> answer;
  /// Answered by stored(), once, later.
  std::function<void(std::string text)> store;
};

class ModuleVoter {
 public:
  struct Loaded {
    core::VoterState state;
    /// The module has voted before: without a promise of this boot it has to be silent.
    bool is_known = false;
  };
  ModuleVoter(const Loaded& loaded, PromiseFile promises, std::uint64_t challenge, Instant now,
              ModuleHandlers handlers);
  /// Serves nothing: its file is damaged, `why`.
  ModuleVoter(std::string why, PromiseFile promises, std::uint64_t challenge, ModuleHandlers handlers);

  wire::WitnessGate& gate_of(NodeId node) { return gates_.at(node.value()); }
  /// Answers now, later, or never: the asker asks again.
  void take(Instant now, const Asked& asked);
  void stored(Instant now, const Replacement& replaced);
  bool is_storing() const { return pending_.has_value(); }

  const core::Voter& voter() const { return voter_; }
  Instant silent_until() const { return silent_until_; }
  std::optional<Instant> last_asked() const { return last_asked_; }
  /// Why it does not serve, or what the disk refused last; empty: nothing.
  const std::string& problem() const { return problem_; }

 private:
  struct Pending {
    core::Voter next;
    Asked asked;
    core::WitnessAnswer answer;
  };
  void decide(Instant now, const Asked& asked);
  bool answer_beside(Instant now, const Asked& asked);
  void settle(core::Voter next, const Asked& asked, const core::WitnessAnswer& answer);
  void refuse(const Asked& asked);

  core::Voter voter_;  // as on disk
  PromiseFile promises_;
  Instant silent_until_;
  std::array<wire::WitnessGate, 2> gates_;
  ModuleHandlers handlers_;
  std::optional<Pending> pending_;
  std::array<std::optional<Asked>, 2> waiting_;
  std::optional<Instant> last_asked_;
  std::string problem_;
  bool is_damaged_ = false;
  // The disk may have something newer than voter_: nothing is granted until it has taken a write again.
  bool is_uncertain_ = false;
};

}  // namespace clusteragent::witness
