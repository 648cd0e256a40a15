#include "agent/transport/heartbeat_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/base/assert.hpp"
#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/transport/status_codec.hpp"

namespace clusteragent::transport {

namespace {

// A life of the peer that has to prove itself is answered at once, but not more often than this: what asks for it may
// be a recording, and two agents must not keep each other busy.
constexpr Duration answer_interval = std::chrono::milliseconds{5};
constexpr std::size_t frame_types = 3;

}  // namespace

struct HeartbeatTransport::Path {
  Path(boost::asio::io_context& io, PathId number, PathOptions options, PathHandlers handlers, Instant started)
      : id{number}, socket{io, std::move(options), std::move(handlers)}, meter{started} {}

  PathId id;
  PathSocket socket;
  wire::PathMeter meter;
  std::array<std::uint64_t, frame_types> sequences{};
  bool is_crossed = false;  // the peer gives this path another number
};

HeartbeatTransport::HeartbeatTransport(boost::asio::io_context& io, Options options, core::EventSink sink,
                                       ReportHandler on_report)
    : options_{std::move(options)},
      sink_{std::move(sink)},
      on_report_{std::move(on_report)},
      keys_{wire::Keys::derive(options_.cluster_key, options_.module)},
      module_{wire::module_hash(options_.module)},
      receiver_{module_, keys_, options_.self, options_.incarnation} {
  CLUSTERAGENT_ASSERT(options_.paths.size() <= wire::paths_max);
  const Instant started = platform::boottime_now();
  for (std::size_t at = 0; at < options_.paths.size(); ++at) {
    const PathId id{static_cast<std::uint8_t>(at)};
    PathHandlers handlers;
    handlers.on_datagram = [this, at](std::span<const std::uint8_t> datagram) { take(*paths_[at], datagram); };
    handlers.on_refused = [this, id] { sink_(core::PeerProcessGone{id}); };
    paths_.push_back(std::make_unique<Path>(io, id, options_.paths[at], std::move(handlers), started));
  }
}

HeartbeatTransport::~HeartbeatTransport() = default;

Result<std::unique_ptr<HeartbeatTransport>> HeartbeatTransport::open(boost::asio::io_context& io, Options options,
                                                                     core::EventSink sink, ReportHandler on_report) {
  std::unique_ptr<HeartbeatTransport> transport{
      new HeartbeatTransport{io, std::move(options), std::move(sink), std::move(on_report)}};
  for (const auto& path : transport->paths_) {
    if (const Status opened = path->socket.open(); !opened) return opened.error();
  }
  return transport;
}

void HeartbeatTransport::set_keys(const std::vector<wire::Key>& accepted) {
  auto derived = wire::Keys::derive_all(accepted, options_.module);
  CLUSTERAGENT_ASSERT(!derived.empty());
  keys_ = derived.front();
  receiver_.set_keys(std::move(derived));
}

void HeartbeatTransport::drain() {
  for (const auto& path : paths_) path->socket.drain();
}

void HeartbeatTransport::take(Path& path, std::span<const std::uint8_t> datagram) {
  const Instant now = platform::boottime_now();
  const auto verdict = receiver_.receive(datagram);
  if (const auto* accepted = std::get_if<wire::Accepted>(&verdict)) {
    act(*accepted, path, now);
    if (accepted->answer) answer(*accepted->answer, now);
  } else if (const auto* other = std::get_if<wire::Incompatible>(&verdict)) {
    sink_(core::PeerIncompatible{other->versions.lowest, other->versions.highest});
  } else if (const auto* newcomer = std::get_if<wire::Unproven>(&verdict)) {
    // Rationed: until it is proven nobody knows whether it lives, and recordings are cheap.
    if (!answered_at_ || now - *answered_at_ >= answer_interval) answer(newcomer->answer, now);
  }
}

// The last heartbeat again, with the newcomer's challenge. It is no probe, or two agents would answer each other's
// answers, and what it says of the peer has aged meanwhile.
void HeartbeatTransport::answer(const wire::Addressee& newcomer, Instant now) {
  if (!last_status_) return;
  answered_at_ = now;
  wire::StatusFrame again = *last_status_;
  again.is_probe = false;
  // The very frame that is answered may have made the core send one: a negative age would be refused as malformed.
  const Instant sent_at = std::max(now, last_status_at_);
  again.heard_age += sent_at - last_status_at_;
  transmit_status(again, newcomer, sent_at);
}

void HeartbeatTransport::act(const wire::Accepted& accepted, Path& path, Instant now) {
  const wire::Header& header = accepted.header;
  if (const auto* report = std::get_if<wire::ReportFrame>(&accepted.body)) {
    if (auto whole = reports_.add(header.incarnation, *report)) on_report_(std::move(*whole), now);
  } else if (const auto* release = std::get_if<wire::ReleaseFrame>(&accepted.body)) {
    sink_(core::PeerGuardReleased{release->epoch});
  } else {
    const auto& frame = std::get<wire::StatusFrame>(accepted.body);
    measure(header, frame, path, now);
    sink_(core::FrameReceived{path.id, to_status(header, frame)});
  }
}

void HeartbeatTransport::measure(const wire::Header& header, const wire::StatusFrame& frame, Path& path, Instant now) {
  const bool is_crossed = header.path != path.id;
  if (is_crossed && !path.is_crossed) {
    log::critical("heart",
                  "heartbeat {}: the peer calls it number {} and this node number {}: the <heartbeat> elements of the "
                  "two nodes differ in number or order, or the networks are joined; it works, unmeasured",
                  path.socket.options().name, header.path.value(), path.id.value());
  }
  path.is_crossed = is_crossed;
  if (is_crossed) return;
  path.meter.heard(now, header, frame);
  for (const wire::PathFact& fact : frame.paths) {
    if (fact.path.value() < paths_.size()) paths_[fact.path.value()]->meter.peer_fact(now, fact);
  }
}

void HeartbeatTransport::send(const core::SendHeartbeat& action) {
  last_status_ = to_frame(action.status);
  last_status_at_ = platform::boottime_now();
  transmit_status(*last_status_, receiver_.next_addressee(), last_status_at_);
}

void HeartbeatTransport::transmit_status(const wire::StatusFrame& status, const wire::Addressee& addressee,
                                         Instant now) {
  wire::Body body = status;
  auto& frame = std::get<wire::StatusFrame>(body);
  frame.sent_at = now.nanoseconds();
  for (const auto& path : paths_) {
    const auto last = path->meter.last_heard();
    frame.paths.add({path->id, last.has_value(), last ? now - *last : Duration::zero(), path->meter.loss_permille()});
  }
  for (const auto& path : paths_) {
    const auto stamp = path->meter.stamp();
    frame.echo = stamp ? stamp->sent_at : 0;
    frame.echo_held = stamp ? now - stamp->received : Duration::zero();
    transmit(*path, body, addressee);
  }
}

wire::Header HeartbeatTransport::header_for(const Path& path) const {
  wire::Header header;
  header.module_hash = module_;
  header.node = options_.self;
  header.path = path.id;
  header.incarnation = options_.incarnation;
  header.challenge = receiver_.challenge();
  return header;
}

void HeartbeatTransport::transmit(Path& path, const wire::Body& body, const wire::Addressee& addressee) {
  wire::Header header = header_for(path);
  header.version = addressee.version;
  header.echo = addressee.echo;
  header.sequence = ++path.sequences[body.index()];
  path.socket.send(wire::encode(buffer_, header, body, keys_));
}

bool HeartbeatTransport::send_report(const std::string& text) {
  const auto pieces = wire::split_report(reports_sent_ + 1, text);
  if (!pieces) return false;
  ++reports_sent_;
  const wire::Addressee addressee = receiver_.next_addressee();
  for (const wire::ReportFrame& piece : *pieces) {
    const wire::Body body = piece;
    for (const auto& path : paths_) transmit(*path, body, addressee);
  }
  return true;
}

std::vector<PathReport> HeartbeatTransport::report(Instant now) const {
  std::vector<PathReport> reports;
  for (const auto& path : paths_) {
    const PathSocket& socket = path->socket;
    const wire::PathMeter& meter = path->meter;
    PathReport report;
    report.name = socket.options().name;
    report.local_address = socket.options().local_address;
    report.peer_address = socket.options().peer_address;
    report.condition = meter.condition(now, options_.timeout);
    if (const auto last = meter.last_heard()) report.last_heard_age = now - *last;
    report.loss_permille = meter.loss_permille();
    report.round_trip = meter.round_trip();
    report.jitter = meter.jitter();
    if (const auto view = meter.peer_view()) {
      report.peer_loss_permille = view->loss_permille;
      if (view->was_heard) report.peer_heard_age = view->age;
    }
    report.frames_sent = socket.counters().sent;
    report.frames_received = socket.counters().received;
    report.send_errors = socket.counters().send_errors;
    report.receive_errors = socket.counters().receive_errors;
    report.refused = socket.counters().refused;
    report.problem = socket.problem();
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<wire::Bytes> HeartbeatTransport::release_frames(Epoch epoch) const {
  std::vector<wire::Bytes> frames;
  for (const auto& path : paths_) {
    wire::Header header = header_for(*path);
    // Only the guard sends this type, once a tenure: the epoch is a number that grows.
    header.sequence = epoch.value();
    frames.push_back(wire::encode(header, wire::ReleaseFrame{epoch}, keys_));
  }
  return frames;
}

}  // namespace clusteragent::transport
