#include "agent/transport/heartbeat_transport.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/wire/report.hpp"

namespace clusteragent::transport {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

// A link that is being plugged in or an address that DHCP still brings: tried again often enough not to be noticed.
constexpr auto retry_interval = std::chrono::milliseconds{500};
// Datagrams read in one go before the loop gets its turn again: a flood must not starve the deadline.
constexpr int reads_max = 256;
// A peer whose incarnation is not proven gets a prompt answer, but not more often than this: it is not authenticated as
// being alive, and two agents must not keep each other busy.
constexpr Duration unproven_answer_interval = std::chrono::milliseconds{5};
// Network control, RFC 4594 §3.1: class selector 6.
constexpr int traffic_class = 0xC0;

wire::StatusFrame to_frame(const core::PeerStatus& status) {
  wire::StatusFrame frame;
  frame.beat = status.beat;
  frame.heard_incarnation = status.heard_incarnation;
  frame.heard_beat = status.heard_beat;
  frame.heard_age = status.heard_age;
  frame.state = static_cast<std::uint8_t>(status.state);
  frame.activity = static_cast<std::uint8_t>(status.activity);
  frame.record_epoch = status.record.epoch;
  frame.record_revision = status.record.revision;
  frame.record_holder = status.record.holder;
  frame.record_sync_set = status.record.sync_set.bits;
  frame.blocked = static_cast<std::uint8_t>(status.blocked);
  frame.holds_vip = status.holds_vip;
  frame.runs_service = status.runs_service;
  frame.is_promotable = status.is_promotable;
  frame.yields = status.yields;
  frame.is_candidate = status.is_candidate;
  frame.insists = status.insists;
  frame.is_probe = status.is_probe;
  frame.wish_id = status.wish_id;
  frame.granted_wish_id = status.granted_wish_id;
  frame.config_hash = status.config_hash;
  return frame;
}

core::PeerStatus to_status(const wire::Header& header, const wire::StatusFrame& frame) {
  core::PeerStatus status;
  status.node = header.node;
  status.incarnation = header.incarnation;
  status.beat = frame.beat;
  status.heard_incarnation = frame.heard_incarnation;
  status.heard_beat = frame.heard_beat;
  status.heard_age = frame.heard_age;
  status.state = static_cast<core::ModuleState>(frame.state);
  status.activity = static_cast<core::Activity>(frame.activity);
  status.record = core::Record{frame.record_epoch, frame.record_revision, frame.record_holder,
                               core::NodeSet{frame.record_sync_set}};
  status.blocked = static_cast<core::BlockReason>(frame.blocked);
  status.holds_vip = frame.holds_vip;
  status.runs_service = frame.runs_service;
  status.is_promotable = frame.is_promotable;
  status.yields = frame.yields;
  status.is_candidate = frame.is_candidate;
  status.insists = frame.insists;
  status.is_probe = frame.is_probe;
  status.wish_id = frame.wish_id;
  status.granted_wish_id = frame.granted_wish_id;
  status.config_hash = frame.config_hash;
  return status;
}

bool is_absent(const error_code& error) {
  return error.value() == EADDRNOTAVAIL;
}

}  // namespace

struct HeartbeatTransport::Path {
  Path(asio::io_context& io, PathId number, PathOptions given)
      : id{number}, options{std::move(given)}, socket{io}, retry{io} {}

  PathId id;
  PathOptions options;
  udp::socket socket;
  asio::steady_timer retry;
  std::array<std::uint8_t, wire::frame_bytes_max + 1> buffer{};
  wire::PathMeter meter;
  wire::ReportAssembler reports;
  std::array<std::uint64_t, 3> sequences{};  // by frame type
  std::uint64_t frames_sent = 0;
  std::uint64_t send_errors = 0;
  std::string problem;
};

HeartbeatTransport::HeartbeatTransport(asio::io_context& io, Options options, core::EventSink sink,
                                       ReportHandler on_report)
    : io_{io},
      options_{std::move(options)},
      sink_{std::move(sink)},
      on_report_{std::move(on_report)},
      keys_{wire::Keys::derive(options_.cluster_key, options_.module)},
      module_{wire::module_hash(options_.module)},
      receiver_{module_, keys_, options_.self, options_.incarnation} {
  CLUSTERAGENT_ASSERT(options_.paths.size() <= wire::paths_max);
  for (std::size_t at = 0; at < options_.paths.size(); ++at) {
    paths_.push_back(std::make_unique<Path>(io_, PathId{static_cast<std::uint8_t>(at)}, options_.paths[at]));
  }
}

HeartbeatTransport::~HeartbeatTransport() {
  *alive_ = false;
}

Result<std::unique_ptr<HeartbeatTransport>> HeartbeatTransport::open(asio::io_context& io, Options options,
                                                                     core::EventSink sink, ReportHandler on_report) {
  std::unique_ptr<HeartbeatTransport> transport{
      new HeartbeatTransport{io, std::move(options), std::move(sink), std::move(on_report)}};
  for (const auto& path : transport->paths_) {
    const Status opened = transport->open_path(*path);
    if (!opened) return opened.error();
  }
  return transport;
}

Status HeartbeatTransport::open_path(Path& path) {
  error_code error;
  const auto local = asio::ip::make_address(path.options.local_address, error);
  const auto peer = error ? asio::ip::address{} : asio::ip::make_address(path.options.peer_address, error);
  if (error) {
    return Error{ErrorCode::configuration,
                 fmt::format("heartbeat {}: {} and {} must be IP addresses", path.options.name,
                             path.options.local_address, path.options.peer_address)};
  }
  const udp::endpoint here{local, path.options.port};
  path.socket.open(here.protocol(), error);
  if (!error) path.socket.non_blocking(true, error);
  // Asio does not ask for it, and a script or guard that inherited the socket would keep the port alive after us.
  if (!error) static_cast<void>(::fcntl(path.socket.native_handle(), F_SETFD, FD_CLOEXEC));
  if (!error) path.socket.bind(here, error);
  if (!error) path.socket.connect({peer, path.options.port}, error);
  if (!error) {
    const int tos = traffic_class;
    const int level = local.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
    // Only a wish to the switches; a refusal costs nothing.
    static_cast<void>(
        ::setsockopt(path.socket.native_handle(), level, local.is_v4() ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos));
    path.problem.clear();
    wait_for_frames(path);
    return success();
  }
  error_code ignored;
  path.socket.close(ignored);
  if (error == asio::error::address_in_use) {
    return Error{
        ErrorCode::configuration,
        fmt::format("heartbeat {}: port {} of {} is taken, by another module or program; give this module its own "
                    "<heart port=\"...\"> on both nodes",
                    path.options.name, path.options.port, path.options.local_address)};
  }
  const std::string problem = is_absent(error)
                                  ? fmt::format("this machine has no address {} (yet)", path.options.local_address)
                                  : fmt::format("cannot use it: {}", error.message());
  if (problem != path.problem) log::critical("heart", "heartbeat {}: {}; trying again", path.options.name, problem);
  path.problem = problem;
  wait_for_address(path);
  return success();
}

void HeartbeatTransport::wait_for_address(Path& path) {
  path.retry.expires_after(retry_interval);
  path.retry.async_wait([this, &path, alive = alive_](const error_code& error) {
    if (error || !*alive) return;
    if (const Status opened = open_path(path); !opened) {
      path.problem = opened.error().message;
      wait_for_address(path);
    }
  });
}

void HeartbeatTransport::wait_for_frames(Path& path) {
  path.socket.async_wait(udp::socket::wait_read, [this, &path, alive = alive_](const error_code& error) {
    if (!*alive || error == asio::error::operation_aborted) return;
    read_all(path);
    if (path.socket.is_open()) wait_for_frames(path);
  });
}

void HeartbeatTransport::read_all(Path& path) {
  for (int count = 0; count < reads_max && path.socket.is_open(); ++count) {
    error_code error;
    const std::size_t length = path.socket.receive(asio::buffer(path.buffer), 0, error);
    if (error == asio::error::would_block) return;
    if (error) {
      on_socket_error(path, error);
      continue;
    }
    take(path, length, platform::boottime_now());
  }
}

void HeartbeatTransport::drain() {
  for (const auto& path : paths_) read_all(*path);
}

void HeartbeatTransport::on_socket_error(Path& path, const error_code& error) {
  if (error == asio::error::connection_refused) {
    sink_(core::PeerProcessGone{path.id});
    return;
  }
  ++path.send_errors;
  path.problem = error.message();
}

void HeartbeatTransport::take(Path& path, std::size_t length, Instant now) {
  const auto verdict = receiver_.receive({path.buffer.data(), length});
  if (const auto* accepted = std::get_if<wire::Accepted>(&verdict)) {
    path.problem.clear();
    act(*accepted, path, now);
  } else if (const auto* other = std::get_if<wire::Incompatible>(&verdict)) {
    sink_(core::PeerIncompatible{other->lowest, other->highest});
  } else if (std::holds_alternative<wire::Unproven>(verdict)) {
    answer_unproven(now);
  }
}

// Echoed before it is believed: only so can a new life of the peer prove that it is no recording. Ordinary heartbeats
// echo the believed one, or a recording could make a living peer look deaf.
void HeartbeatTransport::answer_unproven(Instant now) {
  if (last_status_.beat == 0 || now - answered_unproven_at_ < unproven_answer_interval) return;
  answered_unproven_at_ = now;
  wire::StatusFrame answer = last_status_;
  answer.heard_incarnation = receiver_.last_seen();
  answer.heard_beat = 0;
  transmit_status(answer);
}

void HeartbeatTransport::act(const wire::Accepted& accepted, Path& path, Instant now) {
  const wire::Header& header = accepted.header;
  if (const auto* report = std::get_if<wire::ReportFrame>(&accepted.body)) {
    if (auto whole = path.reports.add(*report)) on_report_(std::move(*whole), now);
    return;
  }
  if (const auto* release = std::get_if<wire::ReleaseFrame>(&accepted.body)) {
    sink_(core::PeerGuardReleased{release->epoch});
    return;
  }
  const auto& frame = std::get<wire::StatusFrame>(accepted.body);
  path.meter.heard(now, header.incarnation, header.sequence);
  path.meter.stamps(now, frame);
  for (const wire::PathFact& fact : frame.paths) {
    if (fact.path.value() < paths_.size()) paths_[fact.path.value()]->meter.peer_fact(now, fact);
  }
  sink_(core::FrameReceived{path.id, to_status(header, frame)});
}

void HeartbeatTransport::send(const core::SendHeartbeat& action) {
  last_status_ = to_frame(action.status);
  transmit_status(last_status_);
}

void HeartbeatTransport::transmit_status(const wire::StatusFrame& status) {
  const Instant now = platform::boottime_now();
  wire::StatusFrame frame = status;
  frame.paths.clear();
  for (const auto& path : paths_) {
    const auto last = path->meter.last_heard();
    frame.paths.push_back(
        {path->id, last.has_value(), last ? now - *last : Duration::zero(), path->meter.loss_permille()});
  }
  frame.sent_at = now.nanoseconds();
  for (const auto& path : paths_) {
    frame.echo = path->meter.newest_stamp();
    frame.echo_held = frame.echo == 0 ? Duration::zero() : now - path->meter.newest_stamp_at();
    transmit(*path, frame);
  }
}

void HeartbeatTransport::transmit(Path& path, const wire::Body& body) {
  if (!path.socket.is_open()) return;
  wire::Header header;
  header.module_hash = module_;
  header.node = options_.self;
  header.path = path.id;
  header.incarnation = options_.incarnation;
  header.sequence = ++path.sequences[body.index()];
  const wire::Bytes bytes = wire::encode(header, body, keys_);
  error_code error;
  path.socket.send(asio::buffer(bytes), 0, error);
  if (error == asio::error::connection_refused) {
    // The refusal belongs to an earlier frame; this one was not sent for it.
    sink_(core::PeerProcessGone{path.id});
    path.socket.send(asio::buffer(bytes), 0, error);
  }
  if (!error) {
    ++path.frames_sent;
  } else if (error != asio::error::connection_refused && error != asio::error::would_block) {
    ++path.send_errors;
    path.problem = error.message();
  }
}

void HeartbeatTransport::send_report(const std::string& text) {
  const auto pieces = wire::split_report(next_report_, text);
  if (!pieces) return;
  ++next_report_;
  for (const auto& path : paths_) {
    for (const wire::ReportFrame& piece : *pieces) transmit(*path, piece);
  }
}

std::vector<PathReport> HeartbeatTransport::report(Instant now) const {
  std::vector<PathReport> reports;
  for (const auto& path : paths_) {
    PathReport report;
    report.name = path->options.name;
    report.local_address = path->options.local_address;
    report.peer_address = path->options.peer_address;
    report.condition = path->meter.condition(now, options_.timeout);
    if (const auto last = path->meter.last_heard()) report.last_heard_age = now - *last;
    report.loss_permille = path->meter.loss_permille();
    report.round_trip = path->meter.round_trip();
    report.jitter = path->meter.jitter();
    if (const auto view = path->meter.peer_view()) report.peer_loss_permille = view->loss_permille;
    report.frames_sent = path->frames_sent;
    report.send_errors = path->send_errors;
    report.problem = path->problem;
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<wire::Bytes> HeartbeatTransport::release_frames(Epoch epoch) const {
  std::vector<wire::Bytes> frames;
  for (const auto& path : paths_) {
    wire::Header header;
    header.module_hash = module_;
    header.node = options_.self;
    header.path = path->id;
    header.incarnation = options_.incarnation;
    // Only the guard sends this type, once a tenure: the epoch is a number that grows.
    header.sequence = epoch.value();
    frames.push_back(wire::encode(header, wire::ReleaseFrame{epoch}, keys_));
  }
  return frames;
}

}  // namespace clusteragent::transport
