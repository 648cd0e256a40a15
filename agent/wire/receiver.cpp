#include "agent/wire/receiver.hpp"

#include <algorithm>

namespace clusteragent::wire {

Receiver::Receiver(std::uint64_t module, const Keys& keys, NodeId self, Incarnation own)
    : module_{module}, keys_{keys}, self_{self}, own_{own} {
  CLUSTERAGENT_ASSERT(own.value() != 0);  // 0 says "none" on the wire
}

void Receiver::set_keys(std::vector<Keys> accepted) {
  CLUSTERAGENT_ASSERT(!accepted.empty() && accepted.size() <= keys_accepted_max);
  keys_ = std::move(accepted);
  peer_key_.reset();
}

Verdict Receiver::receive(std::span<const std::uint8_t> bytes) {
  auto result = decode(bytes, module_, keys_);
  if (const auto* flaw = std::get_if<Flaw>(&result)) {
    if (*flaw == Flaw::malformed) ++counters_.malformed;
    if (*flaw == Flaw::foreign_module) ++counters_.foreign_module;
    if (*flaw == Flaw::bad_mac) ++counters_.bad_mac;
    return Dropped{};
  }
  return judge(std::get<Decoded>(result));
}

Verdict Receiver::judge(Decoded& decoded) {
  const Header& header = decoded.header;
  if (header.node == self_) {
    ++counters_.own_node;
    return Dropped{};
  }
  if (is_replaced(header.incarnation)) {
    ++counters_.replayed;
    return Dropped{};
  }
  const bool is_believed = peer_ && peer_->incarnation == header.incarnation;
  if (!is_believed && !is_proven_by(header)) {
    ++counters_.unproven;
    // A release frame has nobody behind it any more who could answer.
    if (header.type == FrameType::release) return Dropped{};
    return remember(header);
  }
  if (!is_believed) believe(header);
  const auto window = windows_.find({header.path, header.type});
  if (window == windows_.end()) {
    if (!may_open_window(header)) {
      ++counters_.unproven;
      return Dropped{};
    }
    windows_.emplace(std::pair{header.path, header.type}, ReplayWindow{header.sequence});
  } else if (!window->second.accept(header.sequence)) {
    ++counters_.replayed;
    return Dropped{};
  }
  // A release frame was signed long before it is sent, so its challenge may be an old one.
  if (header.type != FrameType::release) {
    peer_->challenge = header.challenge;
    peer_key_ = decoded.key;
  }
  if (decoded.body) {
    ++counters_.accepted;
    Accepted accepted{header, std::move(*decoded.body)};
    if (!is_believed) accepted.answer = Addressee{header.challenge, version_for(own_versions, header.speaks)};
    return accepted;
  }
  ++counters_.incompatible;
  // A peer that could speak a version of ours does so once it has heard which those are.
  if (common_version(own_versions, header.speaks)) return Unproven{{header.challenge, own_versions.lowest}};
  return Incompatible{header.speaks};
}

bool Receiver::is_replaced(Incarnation incarnation) const {
  return std::find(replaced_.begin(), replaced_.end(), incarnation) != replaced_.end();
}

// A frame that a dead agent signed in advance proves nothing about the present.
bool Receiver::is_proven_by(const Header& header) const {
  return header.type != FrameType::release && header.echo == challenge();
}

// The guard cannot know this agent's challenge; what it says stays true for as long as that life is the believed one.
bool Receiver::may_open_window(const Header& header) const {
  return header.type == FrameType::release || header.echo - own_.value() <= lives_;
}

void Receiver::believe(const Header& header) {
  if (peer_) replaced_[lives_ % replaced_.size()] = peer_->incarnation;
  peer_ = Candidate{header.incarnation, header.challenge, header.speaks};
  ++lives_;
  candidate_count_ = 0;
  windows_.clear();
}

Unproven Receiver::remember(const Header& header) {
  const Candidate seen{header.incarnation, header.challenge, header.speaks};
  const auto known = std::find_if(candidates_.begin(), candidates_.begin() + candidate_count_,
                                  [&seen](const Candidate& one) { return one.incarnation == seen.incarnation; });
  if (known == candidates_.begin() + candidate_count_ && candidate_count_ < candidates_max) ++candidate_count_;
  // The newest comes first; where there is no room the one that was seen longest ago falls out.
  const auto gap = std::min(known, candidates_.end() - 1);
  std::move_backward(candidates_.begin(), gap, gap + 1);
  candidates_.front() = seen;
  return Unproven{{seen.challenge, version_for(own_versions, seen.speaks)}};
}

Addressee Receiver::next_addressee() {
  const std::size_t in_turn = candidate_count_ + (peer_ ? 1 : 0);
  if (in_turn == 0) return {};
  const std::size_t place = turn_++ % in_turn;
  const Candidate& to = place < candidate_count_ ? candidates_[place] : *peer_;
  return {to.challenge, version_for(own_versions, to.speaks)};
}

}  // namespace clusteragent::wire
