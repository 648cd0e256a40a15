#include "agent/wire/witness_frame.hpp"

#include <algorithm>

#include "agent/wire/octets.hpp"

namespace clusteragent::wire {
namespace {

constexpr std::array<std::uint8_t, 4> magic{'C', 'L', 'A', 'W'};
constexpr std::size_t key_id_offset = 6;
constexpr std::size_t header_size = 47;
constexpr auto verb_max = static_cast<std::uint8_t>(core::WitnessVerb::release);
constexpr auto refusal_max = static_cast<std::uint8_t>(core::Refusal::not_stored);

WitnessFrameType type_of(const WitnessBody& body) {
  if (std::holds_alternative<core::WitnessRequest>(body)) return WitnessFrameType::request;
  return std::holds_alternative<core::WitnessAnswer>(body) ? WitnessFrameType::answer : WitnessFrameType::prove;
}

void write(Writer& out, const core::Record& record) {
  out.number(record.epoch.value());
  out.number(record.revision.value());
  out.number(record.holder.value());
  out.number(record.sync_set.bits);
}

core::Record read_record(Reader& in) {
  core::Record record;
  record.epoch = Epoch{in.number<std::uint64_t>()};
  record.revision = Revision{in.number<std::uint64_t>()};
  record.holder = NodeId{in.number<std::uint8_t>()};
  record.sync_set = core::NodeSet{in.number<std::uint8_t>()};
  return record;
}

bool is_sane(const core::Record& record) {
  return record.holder.value() <= 1 && record.sync_set.bits >= 1 && record.sync_set.bits <= 3;
}

void write(Writer& out, const core::WitnessRequest& request) {
  out.number(static_cast<std::uint8_t>(request.verb));
  out.number(static_cast<std::uint8_t>(request.is_forced));
  write(out, request.record);
  out.number(request.lease.count());
}

std::optional<WitnessBody> read_request(Reader& in, NodeId from) {
  core::WitnessRequest request;
  const auto verb = in.number<std::uint8_t>();
  const auto forced = in.number<std::uint8_t>();
  request.verb = static_cast<core::WitnessVerb>(verb);
  request.is_forced = forced == 1;
  request.from = from;
  request.record = read_record(in);
  request.lease = Duration{in.number<std::int64_t>()};
  const bool is_known = verb <= verb_max && forced <= 1 && is_sane(request.record);
  const bool is_bounded = request.lease >= Duration::zero() && request.lease <= witness_lease_max;
  if (!is_known || !is_bounded || !in.is_complete()) return std::nullopt;
  return request;
}

// Whether it is granted goes without a byte of its own: it is, when nothing refuses it.
void write(Writer& out, const core::WitnessAnswer& answer) {
  CLUSTERAGENT_ASSERT(answer.is_granted == (answer.refusal == core::Refusal::none));
  out.number(static_cast<std::uint8_t>(answer.refusal));
  write(out, answer.record);
  out.number(answer.retry_after.count());
}

std::optional<WitnessBody> read_answer(Reader& in) {
  core::WitnessAnswer answer;
  const auto refusal = in.number<std::uint8_t>();
  answer.refusal = static_cast<core::Refusal>(refusal);
  answer.is_granted = answer.refusal == core::Refusal::none;
  answer.record = read_record(in);
  answer.retry_after = Duration{in.number<std::int64_t>()};
  const bool has_time = answer.refusal == core::Refusal::promised || answer.refusal == core::Refusal::rebooted;
  const bool is_bounded = answer.retry_after >= Duration::zero() && answer.retry_after <= witness_retry_max;
  const bool is_timely = has_time ? is_bounded : answer.retry_after == Duration::zero();
  if (refusal > refusal_max || !is_sane(answer.record) || !is_timely || !in.is_complete()) return std::nullopt;
  return answer;
}

void write(Writer&, ProveYourself) {}

std::optional<WitnessBody> read_body(std::uint8_t type, Reader& in, NodeId node) {
  switch (static_cast<WitnessFrameType>(type)) {
    case WitnessFrameType::request:
      return read_request(in, node);
    case WitnessFrameType::answer:
      return read_answer(in);
    case WitnessFrameType::prove:
      if (!in.is_complete()) return std::nullopt;
      return ProveYourself{};
  }
  return std::nullopt;
}

WitnessHeader read_header(Reader& in) {
  WitnessHeader header;
  header.key_id = in.number<std::uint64_t>();
  header.module_hash = in.number<std::uint64_t>();
  header.node = NodeId{in.number<std::uint8_t>()};
  header.incarnation = Incarnation{in.number<std::uint64_t>()};
  header.ask = in.number<std::uint64_t>();
  header.challenge = in.number<std::uint64_t>();
  return header;
}

}  // namespace

Key witness_key(const Key& cluster_key) {
  return derive_key(cluster_key, Purpose::witness, "");
}

Bytes encode_witness(const WitnessHeader& header, const WitnessBody& body, const Key& key) {
  std::array<std::uint8_t, witness_frame_bytes_max> room{};
  Writer out{room};
  out.octets(magic);
  out.number(witness_version);
  out.number(static_cast<std::uint8_t>(type_of(body)));
  out.number(header.key_id);
  out.number(header.module_hash);
  out.number(header.node.value());
  out.number(header.incarnation.value());
  out.number(header.ask);
  out.number(header.challenge);
  CLUSTERAGENT_ASSERT(out.size() == header_size);
  std::visit([&out](const auto& typed) { write(out, typed); }, body);
  const Mac mac = authenticate(key, std::span{room}.first(out.size()));
  out.octets(mac);
  return {room.begin(), room.begin() + static_cast<std::ptrdiff_t>(out.size())};
}

std::optional<std::uint64_t> key_id_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < header_size + mac_bytes || bytes.size() > witness_frame_bytes_max) return std::nullopt;
  if (!std::equal(magic.begin(), magic.end(), bytes.begin())) return std::nullopt;
  return Reader{bytes.subspan(key_id_offset)}.number<std::uint64_t>();
}

std::variant<WitnessFrame, WitnessFlaw> decode_witness(std::span<const std::uint8_t> bytes, std::uint64_t key_id,
                                                       const Key& key) {
  const auto claimed = key_id_of(bytes);
  if (!claimed) return WitnessFlaw::malformed;
  if (*claimed != key_id) return WitnessFlaw::foreign_key;
  const auto authenticated = bytes.first(bytes.size() - mac_bytes);
  if (!is_authentic(key, authenticated, bytes.last(mac_bytes))) return WitnessFlaw::bad_mac;
  if (bytes[4] != witness_version) return WitnessFlaw::other_version;
  Reader in{authenticated.subspan(key_id_offset)};
  WitnessFrame frame;
  frame.header = read_header(in);
  if (frame.header.node.value() > 1 || frame.header.incarnation == Incarnation{}) return WitnessFlaw::malformed;
  auto body = read_body(bytes[5], in, frame.header.node);
  if (!body) return WitnessFlaw::malformed;
  frame.body = *body;
  return frame;
}

}  // namespace clusteragent::wire
