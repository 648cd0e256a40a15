#include "agent/wire/receiver.hpp"

#include <algorithm>

namespace clusteragent::wire {
namespace {

// Lives of the peer that are remembered as over. An older one cannot be proven anyway: it would have to echo this
// node's incarnation, and the windows of the present one stand.
constexpr std::size_t replaced_max = 64;

}  // namespace

Receiver::Receiver(std::uint64_t module, Keys keys, NodeId self, Incarnation own)
    : module_{module}, keys_{keys}, self_{self}, own_{own} {}

bool Receiver::is_proven(const Decoded& decoded) {
  const Incarnation incarnation = decoded.header.incarnation;
  if (incarnation == proven_) return true;
  const auto* status = std::get_if<StatusFrame>(&*decoded.body);
  if (status == nullptr || status->heard_incarnation != own_) return false;
  if (proven_.value() != 0) replaced_.push_back(proven_);
  if (replaced_.size() > replaced_max) replaced_.pop_front();
  proven_ = incarnation;
  windows_.clear();
  return true;
}

Verdict Receiver::receive(std::span<const std::uint8_t> bytes) {
  auto result = decode(bytes, module_, keys_);
  if (const auto* flaw = std::get_if<Flaw>(&result)) {
    if (*flaw == Flaw::malformed) ++counters_.malformed;
    if (*flaw == Flaw::foreign_module) ++counters_.foreign_module;
    if (*flaw == Flaw::bad_mac) ++counters_.bad_mac;
    return Dropped{};
  }
  auto& decoded = std::get<Decoded>(result);
  // Our own frames come back where a network loops.
  if (decoded.header.node == self_) return Dropped{};
  if (!decoded.body) {
    ++counters_.incompatible;
    return Incompatible{decoded.header.lowest, decoded.header.highest};
  }
  if (std::find(replaced_.begin(), replaced_.end(), decoded.header.incarnation) != replaced_.end()) {
    ++counters_.replayed;
    return Dropped{};
  }
  if (!is_proven(decoded)) {
    last_seen_ = decoded.header.incarnation;
    ++counters_.unproven;
    return Unproven{};
  }
  last_seen_ = decoded.header.incarnation;
  if (!windows_[{decoded.header.path, decoded.header.type}].accept(decoded.header.sequence)) {
    ++counters_.replayed;
    return Dropped{};
  }
  ++counters_.accepted;
  return Accepted{decoded.header, std::move(*decoded.body)};
}

}  // namespace clusteragent::wire
