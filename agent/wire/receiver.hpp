#pragma once
// Receiver: decides which frames may be acted upon. Authentic is not enough, because a recorded frame of a former life
// of the peer is authentic too. Every frame carries its sender's challenge, and a life of the peer is believed only
// once it has echoed ours, which a recording cannot do: the challenge is new with every life of this agent and moves on
// with every life of the peer that is believed. So what one life has said is worth nothing once another has replaced
// it. Pure; one a module; one caller at a time.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "agent/wire/frame.hpp"
#include "agent/wire/replay_window.hpp"

namespace clusteragent::wire {

/// Of frames, by what became of them.
struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t malformed = 0;
  std::uint64_t foreign_module = 0;
  std::uint64_t bad_mac = 0;
  std::uint64_t replayed = 0;
  std::uint64_t unproven = 0;
  std::uint64_t incompatible = 0;
  std::uint64_t own_node = 0;  // signed in this node's name: a loop in the network, or both agents run as one node
};

/// What a frame of ours is made for: whose challenge it echoes and in which version it speaks.
struct Addressee {
  std::uint64_t echo = 0;
  std::uint8_t version = own_versions.lowest;
};

struct Incompatible {
  VersionRange versions;
};
/// Genuine, but not proven to be alive now: an answer for `answer` lets it prove itself.
struct Unproven {
  Addressee answer;
};
struct Dropped {};
struct Accepted {
  Header header;
  Body body;
  /// With the first frame of a life that is believed: an answer lets that life believe this one as soon.
  std::optional<Addressee> answer = {};
};
using Verdict = std::variant<Accepted, Incompatible, Unproven, Dropped>;

class Receiver {
 public:
  /// `own` must be random: it is the first challenge as well.
  Receiver(std::uint64_t module, const Keys& keys, NodeId self, Incarnation own);

  /// Accepted from now on, the one that this node signs with first. What has been believed stays believed: a life of
  /// the peer goes on under another key, and its sequence numbers with it.
  void set_keys(std::vector<Keys> accepted);
  /// Which of them the newest accepted frame was signed with; nullopt: none came since they were set. A guard's release
  /// does not count: it was signed long before.
  std::optional<std::size_t> peer_key() const { return peer_key_; }

  Verdict receive(std::span<const std::uint8_t> bytes);
  /// To stand in every frame that is sent.
  std::uint64_t challenge() const { return own_.value() + lives_; }
  /// Of the next frame to be sent: the believed peer and those that still have to prove themselves take turns.
  Addressee next_addressee();
  const Counters& counters() const { return counters_; }

 private:
  /// A life of the peer that has not echoed our challenge yet.
  struct Candidate {
    Incarnation incarnation{};
    std::uint64_t challenge = 0;
    VersionRange speaks;
  };
  // Only one can be the real one. An attacker with more recordings than this delays the proof, as he could by jamming.
  static constexpr std::size_t candidates_max = 4;
  // Former lives that get no answer any more. A forgotten one is merely answered in vain: it cannot prove itself.
  static constexpr std::size_t replaced_max = 16;

  Verdict judge(Decoded& decoded);
  bool is_replaced(Incarnation incarnation) const;
  bool is_proven_by(const Header& header) const;
  bool may_open_window(const Header& header) const;
  void believe(const Header& header);
  Unproven remember(const Header& header);

  std::uint64_t module_;
  std::vector<Keys> keys_;
  std::optional<std::size_t> peer_key_;
  NodeId self_;
  Incarnation own_;
  std::uint64_t lives_ = 0;  // of the peer, believed so far
  std::optional<Candidate> peer_;
  std::array<Candidate, candidates_max> candidates_{};
  std::size_t candidate_count_ = 0;
  std::size_t turn_ = 0;
  std::array<Incarnation, replaced_max> replaced_{};
  // Each type is numbered on its own, hence one window for each path and type of the believed life. It is opened by a
  // frame that echoes a challenge of this life: what the peer said before, to a former life of this agent, is past.
  std::map<std::pair<PathId, FrameType>, ReplayWindow> windows_;
  Counters counters_;
};

}  // namespace clusteragent::wire
