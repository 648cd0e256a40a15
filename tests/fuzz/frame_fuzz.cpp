// Anything at all as a frame. What is accepted must be what its own encoding reads; what is signed rightly but says
// nonsense must be refused and not crash. The first run takes the bytes as they come from the network; the second puts
// the right module and signature on them, because no mutation would ever find those, and reaches the bodies.
#include <algorithm>
#include <cstdint>
#include <span>

#include "agent/base/assert.hpp"
#include "agent/wire/path_meter.hpp"
#include "agent/wire/receiver.hpp"
#include "agent/wire/report.hpp"

namespace {

using namespace clusteragent;

constexpr Incarnation own{1};
constexpr Duration timeout = std::chrono::seconds{1};

const wire::Keys& keys() {
  static const wire::Keys derived = wire::Keys::derive(wire::Key{1}, "fuzz");
  return derived;
}

std::uint64_t module() {
  static const std::uint64_t hash = wire::module_hash("fuzz");
  return hash;
}

void check(std::span<const std::uint8_t> bytes) {
  const auto result = wire::decode(bytes, module(), keys());
  const auto* decoded = std::get_if<wire::Decoded>(&result);
  if (decoded == nullptr || !decoded->body) return;
  const wire::Bytes again = wire::encode(decoded->header, *decoded->body, keys());
  CLUSTERAGENT_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

void use(std::span<const std::uint8_t> bytes) {
  wire::Receiver receiver{module(), keys(), NodeId{0}, own};
  const auto verdict = receiver.receive(bytes);
  const wire::Counters& counters = receiver.counters();
  CLUSTERAGENT_ASSERT(counters.accepted + counters.malformed + counters.foreign_module + counters.bad_mac +
                          counters.replayed + counters.unproven + counters.incompatible + counters.own_node ==
                      1);
  const auto* accepted = std::get_if<wire::Accepted>(&verdict);
  if (accepted == nullptr) return;
  const Instant now = Instant::from_nanoseconds(1'000'000'000);
  if (const auto* piece = std::get_if<wire::ReportFrame>(&accepted->body)) {
    wire::ReportAssembler assembler;
    const auto whole = assembler.add(accepted->header.incarnation, *piece);
    CLUSTERAGENT_ASSERT(!whole || whole->size() <= wire::pieces_max * wire::report_piece_bytes);
  }
  if (const auto* frame = std::get_if<wire::StatusFrame>(&accepted->body)) {
    wire::PathMeter meter{Instant{}};
    meter.heard(now, accepted->header, *frame);
    for (const wire::PathFact& fact : frame->paths) meter.peer_fact(now, fact);
    CLUSTERAGENT_ASSERT(meter.loss_permille() <= 1000);
    CLUSTERAGENT_ASSERT(!wire::name_of(meter.condition(now, timeout)).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size});
  use({data, size});
  if (size < wire::header_bytes + wire::mac_bytes) return 0;
  wire::Bytes genuine(data, data + size);
  for (std::size_t at = 0; at < 8; ++at) genuine[8 + at] = static_cast<std::uint8_t>(module() >> (56 - 8 * at));
  const std::size_t signed_bytes = size - wire::mac_bytes;
  const std::size_t body = signed_bytes - wire::header_bytes;
  genuine[18] = static_cast<std::uint8_t>(body >> 8);
  genuine[19] = static_cast<std::uint8_t>(body);
  const wire::Key& key = keys().of(static_cast<wire::FrameType>(genuine[7]));
  const wire::Mac mac = wire::authenticate(key, std::span{genuine}.first(signed_bytes));
  std::copy(mac.begin(), mac.end(), genuine.begin() + static_cast<std::ptrdiff_t>(signed_bytes));
  check(genuine);
  use(genuine);
  return 0;
}
