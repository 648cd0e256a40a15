#pragma once
// HeartbeatTransport: the real HeartbeatPort. Every frame goes out on every heartbeat network; what comes in is judged
// by wire::Receiver and handed to the sink as the core's events, in the order of arrival.
//
// Ownership: the daemon's; the io_context outlives it. Threads: the decision thread only. Never blocks, and sends
// without allocating. Errors: see PathSocket; what cannot be cured by waiting is returned by open().
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"
#include "agent/transport/path_socket.hpp"
#include "agent/wire/frame.hpp"
#include "agent/wire/path_meter.hpp"
#include "agent/wire/receiver.hpp"
#include "agent/wire/report.hpp"

namespace clusteragent::transport {

struct Options {
  std::vector<PathOptions> paths;  // index is the PathId; at most wire::paths_max
  std::string module;
  NodeId self{};
  Incarnation incarnation{};  // random, new with every life of the agent
  wire::Key cluster_key{};
  Duration timeout{};  // after which a path counts as silent
};

/// One heartbeat network as status shows it.
struct PathReport {
  std::string name;
  std::string local_address;
  std::string peer_address;
  wire::PathCondition condition = wire::PathCondition::unknown;
  std::optional<Duration> last_heard_age;
  std::uint16_t loss_permille = 0;
  std::optional<Duration> round_trip;
  std::optional<Duration> jitter;
  std::optional<std::uint16_t> peer_loss_permille;  // what the peer misses of ours
  std::optional<Duration> peer_heard_age;           // how long the peer had not heard us on it, when it last said so
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;  // whatever became of them
  std::uint64_t send_errors = 0;
  std::uint64_t receive_errors = 0;
  std::uint64_t refused = 0;  // "port unreachable" of the peer's kernel
  std::string problem;        // why the path cannot be used; empty: none
};

class HeartbeatTransport final : public core::HeartbeatPort {
 public:
  /// A report of the peer; called once for each that arrives whole.
  using ReportHandler = std::function<void(std::string text, Instant received)>;

  /// Fails when a port is taken: two modules of one node with the same <heart port>. `sink` gets FrameReceived,
  /// PeerProcessGone, PeerGuardReleased and PeerIncompatible, never from inside send().
  static Result<std::unique_ptr<HeartbeatTransport>> open(boost::asio::io_context& io, Options options,
                                                          core::EventSink sink, ReportHandler on_report);
  ~HeartbeatTransport() override;

  void send(const core::SendHeartbeat& action) override;
  /// A text of at most wire::report_bytes_max for the peer's status. False: it is longer, or empty, and was not sent.
  bool send_report(const std::string& text);
  /// The cluster keys that are accepted from now on; frames are signed with the first. Frames that a guard holds are
  /// still those of release_frames() as they were made.
  void set_keys(const std::vector<wire::Key>& accepted);
  /// Which of them the peer signs with; nullopt: nothing was heard since they were set.
  std::optional<std::size_t> peer_key() const { return receiver_.peer_key(); }
  /// Delivers everything that has arrived. The daemon calls it before it lets a deadline pass, so that this process's
  /// own stall is not taken for the peer's silence.
  void drain();

  std::vector<PathReport> report(Instant now) const;
  const wire::Counters& counters() const { return receiver_.counters(); }
  /// Ready-made frames with which a guard tells the peer that this agent died: one for each path, in order.
  std::vector<wire::Bytes> release_frames(Epoch epoch) const;
  const Options& options() const { return options_; }

 private:
  struct Path;
  HeartbeatTransport(boost::asio::io_context& io, Options options, core::EventSink sink, ReportHandler on_report);

  void take(Path& path, std::span<const std::uint8_t> datagram);
  void act(const wire::Accepted& accepted, Path& path, Instant now);
  void measure(const wire::Header& header, const wire::StatusFrame& frame, Path& path, Instant now);
  void answer(const wire::Addressee& newcomer, Instant now);
  void transmit_status(const wire::StatusFrame& status, const wire::Addressee& addressee, Instant now);
  void transmit(Path& path, const wire::Body& body, const wire::Addressee& addressee);
  wire::Header header_for(const Path& path) const;

  Options options_;
  core::EventSink sink_;
  ReportHandler on_report_;
  wire::Keys keys_;
  std::uint64_t module_;
  wire::Receiver receiver_;
  wire::ReportAssembler reports_;
  std::vector<std::unique_ptr<Path>> paths_;
  std::optional<wire::StatusFrame> last_status_;
  Instant last_status_at_;
  std::optional<Instant> answered_at_;
  std::uint32_t reports_sent_ = 0;
  wire::FrameBuffer buffer_{};
};

}  // namespace clusteragent::transport
