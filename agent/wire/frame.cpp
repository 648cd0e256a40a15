#include "agent/wire/frame.hpp"

#include <xxhash.h>

#include <algorithm>

#include "agent/base/assert.hpp"

namespace clusteragent::wire {
namespace {

constexpr std::array<std::uint8_t, 4> magic{'C', 'L', 'A', 'G'};

class Writer {
 public:
  explicit Writer(Bytes& bytes) : bytes_{bytes} {}
  template <typename Number>
  void number(Number value) {
    const auto wide = static_cast<std::uint64_t>(value);
    for (std::size_t shift = sizeof(Number) * 8; shift > 0; shift -= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(wide >> (shift - 8)));
    }
  }
  void text(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }

 private:
  Bytes& bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
  template <typename Number>
  Number number() {
    std::uint64_t wide = 0;
    if (bytes_.size() < sizeof(Number)) {
      is_short_ = true;
      return Number{};
    }
    for (std::size_t at = 0; at < sizeof(Number); ++at) wide = (wide << 8) | bytes_[at];
    bytes_ = bytes_.subspan(sizeof(Number));
    return static_cast<Number>(wide);
  }
  std::string rest() {
    std::string text{bytes_.begin(), bytes_.end()};
    bytes_ = {};
    return text;
  }
  bool is_complete() const { return !is_short_ && bytes_.empty(); }
  bool is_short() const { return is_short_; }

 private:
  std::span<const std::uint8_t> bytes_;
  bool is_short_ = false;
};

std::uint8_t flags_of(const StatusFrame& frame) {
  const std::array flags{frame.holds_vip,    frame.runs_service, frame.is_promotable, frame.yields,
                         frame.is_candidate, frame.insists,      frame.is_probe};
  unsigned bits = 0;
  for (std::size_t at = 0; at < flags.size(); ++at) bits |= static_cast<unsigned>(flags[at]) << at;
  return static_cast<std::uint8_t>(bits);
}

void set_flags(StatusFrame& frame, std::uint8_t bits) {
  const std::array flags{&frame.holds_vip,    &frame.runs_service, &frame.is_promotable, &frame.yields,
                         &frame.is_candidate, &frame.insists,      &frame.is_probe};
  for (std::size_t at = 0; at < flags.size(); ++at) *flags[at] = ((bits >> at) & 1U) != 0;
}

void write(Writer& out, const StatusFrame& frame) {
  out.number(frame.beat);
  out.number(frame.heard_incarnation.value());
  out.number(frame.heard_beat);
  out.number(frame.heard_age.count());
  out.number(frame.state);
  out.number(frame.activity);
  out.number(frame.record_epoch.value());
  out.number(frame.record_revision.value());
  out.number(frame.record_holder.value());
  out.number(frame.record_sync_set);
  out.number(frame.blocked);
  out.number(flags_of(frame));
  out.number(frame.wish_id);
  out.number(frame.granted_wish_id);
  out.number(frame.config_hash);
  out.number(frame.sent_at);
  out.number(frame.echo);
  out.number(frame.echo_held.count());
  CLUSTERAGENT_ASSERT(frame.paths.size() <= paths_max);
  out.number(static_cast<std::uint8_t>(frame.paths.size()));
  for (const PathFact& fact : frame.paths) {
    out.number(fact.path.value());
    out.number(static_cast<std::uint8_t>(fact.was_heard));
    out.number(fact.age.count());
    out.number(fact.loss_permille);
  }
}

std::optional<Body> read_status(Reader& in) {
  StatusFrame frame;
  frame.beat = in.number<std::uint64_t>();
  frame.heard_incarnation = Incarnation{in.number<std::uint64_t>()};
  frame.heard_beat = in.number<std::uint64_t>();
  frame.heard_age = Duration{in.number<std::int64_t>()};
  frame.state = in.number<std::uint8_t>();
  frame.activity = in.number<std::uint8_t>();
  frame.record_epoch = Epoch{in.number<std::uint64_t>()};
  frame.record_revision = Revision{in.number<std::uint64_t>()};
  frame.record_holder = NodeId{in.number<std::uint8_t>()};
  frame.record_sync_set = in.number<std::uint8_t>();
  frame.blocked = in.number<std::uint8_t>();
  set_flags(frame, in.number<std::uint8_t>());
  frame.wish_id = in.number<std::uint64_t>();
  frame.granted_wish_id = in.number<std::uint64_t>();
  frame.config_hash = in.number<std::uint64_t>();
  frame.sent_at = in.number<std::int64_t>();
  frame.echo = in.number<std::int64_t>();
  frame.echo_held = Duration{in.number<std::int64_t>()};
  const auto count = in.number<std::uint8_t>();
  if (count > paths_max) return std::nullopt;
  for (std::uint8_t at = 0; at < count; ++at) {
    PathFact fact;
    fact.path = PathId{in.number<std::uint8_t>()};
    fact.was_heard = in.number<std::uint8_t>() != 0;
    fact.age = Duration{in.number<std::int64_t>()};
    fact.loss_permille = in.number<std::uint16_t>();
    frame.paths.push_back(fact);
  }
  // The highest numbers that this version knows: see core::ModuleState, Activity, BlockReason, NodeSet.
  const bool is_sane = frame.state <= 4 && frame.activity <= 2 && frame.blocked <= 9 &&
                       frame.record_holder.value() <= 1 && frame.record_sync_set >= 1 && frame.record_sync_set <= 3 &&
                       frame.heard_age >= Duration::zero();
  if (!is_sane || !in.is_complete()) return std::nullopt;
  return frame;
}

void write(Writer& out, const ReleaseFrame& frame) {
  out.number(frame.epoch.value());
}

std::optional<Body> read_release(Reader& in) {
  const ReleaseFrame frame{Epoch{in.number<std::uint64_t>()}};
  if (!in.is_complete()) return std::nullopt;
  return frame;
}

void write(Writer& out, const ReportFrame& frame) {
  out.number(frame.report);
  out.number(frame.index);
  out.number(frame.count);
  out.text(frame.text);
}

std::optional<Body> read_report(Reader& in) {
  ReportFrame frame;
  frame.report = in.number<std::uint32_t>();
  frame.index = in.number<std::uint8_t>();
  frame.count = in.number<std::uint8_t>();
  frame.text = in.rest();
  if (in.is_short() || frame.index >= frame.count) return std::nullopt;
  return frame;
}

std::optional<Body> read_body(FrameType type, Reader& in) {
  switch (type) {
    case FrameType::status:
      return read_status(in);
    case FrameType::release:
      return read_release(in);
    case FrameType::report:
      return read_report(in);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint8_t> common_version(std::uint8_t lowest, std::uint8_t highest) {
  const auto common = std::min(highest, version_highest);
  if (common < std::max(lowest, version_lowest)) return std::nullopt;
  return common;
}

Keys Keys::derive(const Key& cluster_key, std::string_view module) {
  return Keys{derive_key(cluster_key, Purpose::heartbeat, module),
              derive_key(cluster_key, Purpose::guard_release, module),
              derive_key(cluster_key, Purpose::report, module)};
}

const Key& Keys::of(FrameType type) const {
  if (type == FrameType::release) return guard_release;
  return type == FrameType::report ? report : heartbeat;
}

std::uint64_t module_hash(std::string_view module) {
  return XXH64(module.data(), module.size(), 0);
}

Bytes encode(Header header, const Body& body, const Keys& keys) {
  header.type = static_cast<FrameType>(body.index() + 1);
  Bytes bytes;
  bytes.reserve(320);
  bytes.assign(magic.begin(), magic.end());
  Writer out{bytes};
  out.number(header.version);
  out.number(header.lowest);
  out.number(header.highest);
  out.number(static_cast<std::uint8_t>(header.type));
  out.number(header.module_hash);
  out.number(header.node.value());
  out.number(header.path.value());
  out.number(std::uint16_t{0});
  out.number(header.incarnation.value());
  out.number(header.sequence);
  out.number(std::uint16_t{0});  // length of the body, filled in below
  CLUSTERAGENT_ASSERT(bytes.size() == header_bytes);
  std::visit([&out](const auto& typed) { write(out, typed); }, body);
  const std::size_t length = bytes.size() - header_bytes;
  bytes[header_bytes - 2] = static_cast<std::uint8_t>(length >> 8);
  bytes[header_bytes - 1] = static_cast<std::uint8_t>(length);
  const Mac mac = authenticate(keys.of(header.type), bytes);
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  CLUSTERAGENT_ASSERT(bytes.size() <= frame_bytes_max);
  return bytes;
}

std::variant<Decoded, Flaw> decode(std::span<const std::uint8_t> bytes, std::uint64_t own_module, const Keys& keys) {
  if (bytes.size() < header_bytes + mac_bytes || bytes.size() > frame_bytes_max) return Flaw::malformed;
  if (!std::equal(magic.begin(), magic.end(), bytes.begin())) return Flaw::malformed;
  Reader in{bytes.subspan(magic.size(), header_bytes - magic.size())};
  Decoded decoded;
  Header& header = decoded.header;
  header.version = in.number<std::uint8_t>();
  header.lowest = in.number<std::uint8_t>();
  header.highest = in.number<std::uint8_t>();
  const auto type = in.number<std::uint8_t>();
  header.module_hash = in.number<std::uint64_t>();
  header.node = NodeId{in.number<std::uint8_t>()};
  header.path = PathId{in.number<std::uint8_t>()};
  in.number<std::uint16_t>();
  header.incarnation = Incarnation{in.number<std::uint64_t>()};
  header.sequence = in.number<std::uint64_t>();
  const auto length = in.number<std::uint16_t>();
  if (header.module_hash != own_module) return Flaw::foreign_module;
  if (header.node.value() > 1 || type < 1 || type > 3) return Flaw::malformed;
  header.type = static_cast<FrameType>(type);
  const auto authenticated = bytes.first(bytes.size() - mac_bytes);
  if (!is_authentic(keys.of(header.type), authenticated, bytes.last(mac_bytes))) return Flaw::bad_mac;
  if (length != authenticated.size() - header_bytes) return Flaw::malformed;
  if (header.version < version_lowest || header.version > version_highest) return decoded;
  Reader body{authenticated.subspan(header_bytes)};
  decoded.body = read_body(header.type, body);
  if (!decoded.body) return Flaw::malformed;
  return decoded;
}

}  // namespace clusteragent::wire
