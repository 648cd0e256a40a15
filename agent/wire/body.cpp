#include "agent/wire/body.hpp"

#include <array>
#include <type_traits>

#include "agent/base/assert.hpp"

namespace clusteragent::wire {
namespace {

constexpr std::uint16_t permille_max = 1000;
// An older peer neither announces restarts nor waits for them.
constexpr std::uint8_t version_with_restarts = 2;
// What came later is said to it as the operator's hold, which it is.
constexpr std::uint8_t blocked_max_1 = 10;
constexpr std::uint8_t blocked_for_1 = 9;

// In the order of their bits, lowest first.
template <typename Frame>
auto flags_in(Frame& frame) {
  return std::array{&frame.holds_vip,    &frame.runs_service, &frame.is_promotable, &frame.yields,
                    &frame.is_candidate, &frame.insists,      &frame.is_probe};
}

// Of the readers' address; an older peer knows none.
template <typename Frame>
auto reader_flags_in(Frame& frame) {
  return std::array{&frame.holds_reader, &frame.is_reader_fit, &frame.grants_reader};
}

template <std::size_t count>
std::uint8_t bits_of(const std::array<const bool*, count>& flags) {
  unsigned bits = 0;
  unsigned shift = 0;
  for (const bool* flag : flags) bits |= static_cast<unsigned>(*flag) << shift++;
  return static_cast<std::uint8_t>(bits);
}

// False when a bit is set that has no meaning.
template <std::size_t count>
bool set_flags(const std::array<bool*, count>& flags, std::uint8_t bits) {
  unsigned shift = 0;
  for (bool* flag : flags) *flag = ((static_cast<unsigned>(bits) >> shift++) & 1U) != 0;
  return (bits >> shift) == 0;
}

void write(Writer& out, const PathFact& fact) {
  out.number(fact.path.value());
  out.number(static_cast<std::uint8_t>(fact.was_heard));
  out.number(fact.age.count());
  out.number(fact.loss_permille);
}

std::optional<PathFact> read_fact(Reader& in) {
  PathFact fact;
  fact.path = PathId{in.number<std::uint8_t>()};
  const auto was_heard = in.number<std::uint8_t>();
  fact.was_heard = was_heard == 1;
  fact.age = Duration{in.number<std::int64_t>()};
  fact.loss_permille = in.number<std::uint16_t>();
  const bool is_sane = was_heard <= 1 && fact.age >= Duration::zero() && fact.loss_permille <= permille_max;
  if (!is_sane) return std::nullopt;
  return fact;
}

void write(Writer& out, const StatusFrame& frame, std::uint8_t version) {
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
  out.number(version < version_with_restarts && frame.blocked > blocked_max_1 ? blocked_for_1 : frame.blocked);
  out.number(bits_of(flags_in(frame)));
  out.number(frame.wish_id);
  out.number(frame.granted_wish_id);
  out.number(frame.config_hash);
  out.number(frame.sent_at);
  out.number(frame.echo);
  out.number(frame.echo_held.count());
  out.number(static_cast<std::uint8_t>(frame.paths.size()));
  for (const PathFact& fact : frame.paths) write(out, fact);
  if (version < version_with_restarts) return;
  out.number(frame.restarts_for.count());
  out.number(frame.waits_for.count());
  out.number(frame.maintenance_number);
  out.number(frame.maintenance_left.count());
  out.number(frame.proposal_epoch.value());
  out.number(frame.proposal_revision.value());
  out.number(frame.proposal_sync_set);
  out.number(frame.voted.value());
  out.number(bits_of(reader_flags_in(frame)));
}

bool is_known(const StatusFrame& frame) {
  const bool has_proposal = frame.proposal_epoch.value() != 0;
  const bool has_one_encoding = has_proposal || (frame.proposal_revision.value() == 0 &&
                                                 frame.proposal_sync_set == StatusFrame{}.proposal_sync_set);
  return has_one_encoding && frame.state <= state_max && frame.activity <= activity_max &&
         frame.blocked <= blocked_max && frame.record_holder.value() <= 1 && frame.record_sync_set >= 1 &&
         frame.record_sync_set <= 3 && frame.proposal_sync_set >= 1 && frame.proposal_sync_set <= 3 &&
         frame.heard_age >= Duration::zero() && frame.sent_at >= 0 && frame.echo >= 0 &&
         frame.echo_held >= Duration::zero() && frame.restarts_for >= Duration::zero() &&
         frame.waits_for >= Duration::zero() && frame.maintenance_left >= Duration::zero();
}

std::optional<Body> read_status(Reader& in, std::uint8_t version) {
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
  bool has_known_flags = set_flags(flags_in(frame), in.number<std::uint8_t>());
  frame.wish_id = in.number<std::uint64_t>();
  frame.granted_wish_id = in.number<std::uint64_t>();
  frame.config_hash = in.number<std::uint64_t>();
  frame.sent_at = in.number<std::int64_t>();
  frame.echo = in.number<std::int64_t>();
  frame.echo_held = Duration{in.number<std::int64_t>()};
  const auto count = in.number<std::uint8_t>();
  if (count > paths_max) return std::nullopt;
  for (std::uint8_t at = 0; at < count; ++at) {
    const auto fact = read_fact(in);
    if (!fact) return std::nullopt;
    frame.paths.add(*fact);
  }
  if (version >= version_with_restarts) {
    frame.restarts_for = Duration{in.number<std::int64_t>()};
    frame.waits_for = Duration{in.number<std::int64_t>()};
    frame.maintenance_number = in.number<std::uint64_t>();
    frame.maintenance_left = Duration{in.number<std::int64_t>()};
    frame.proposal_epoch = Epoch{in.number<std::uint64_t>()};
    frame.proposal_revision = Revision{in.number<std::uint64_t>()};
    frame.proposal_sync_set = in.number<std::uint8_t>();
    frame.voted = Epoch{in.number<std::uint64_t>()};
    has_known_flags = set_flags(reader_flags_in(frame), in.number<std::uint8_t>()) && has_known_flags;
  }
  if (!has_known_flags || !is_known(frame) || !in.is_complete()) return std::nullopt;
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
  CLUSTERAGENT_ASSERT(frame.text.size() <= report_piece_bytes);
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
  const bool is_sane = frame.index < frame.count && frame.count <= pieces_max && !frame.text.empty() &&
                       frame.text.size() <= report_piece_bytes;
  if (!is_sane || !in.is_complete()) return std::nullopt;
  return frame;
}

}  // namespace

void write_body(Writer& out, const Body& body, std::uint8_t version) {
  std::visit(
      [&](const auto& typed) {
        if constexpr (std::is_same_v<std::decay_t<decltype(typed)>, StatusFrame>)
          write(out, typed, version);
        else
          write(out, typed);
      },
      body);
}

std::optional<Body> read_body(FrameType type, Reader& in, std::uint8_t version) {
  switch (type) {
    case FrameType::status:
      return read_status(in, version);
    case FrameType::release:
      return read_release(in);
    case FrameType::report:
      return read_report(in);
  }
  return std::nullopt;
}

}  // namespace clusteragent::wire
