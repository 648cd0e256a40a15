#pragma once
// HeartbeatTransport: the real HeartbeatPort. One connected UDP socket a heartbeat network, so that the kernel reports
// "port unreachable" of exactly that peer (ip(7)); every frame goes out on all of them.
//
// Ownership: the daemon's; the io_context outlives it. Threads: the decision thread only. Never blocks: sockets are
// non-blocking, a full send buffer counts as loss. Errors: a path whose local address is not there yet is tried again
// (retry_interval); what cannot be cured by waiting is returned by open().
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"
#include "agent/wire/frame.hpp"
#include "agent/wire/path_meter.hpp"
#include "agent/wire/receiver.hpp"

namespace clusteragent::transport {

struct PathOptions {
  std::string name;           // ident of the heartbeat
  std::string local_address;  // IP addresses without brackets
  std::string peer_address;
  std::uint16_t port = 0;
};

struct Options {
  std::vector<PathOptions> paths;  // index is the PathId; at most wire::paths_max
  std::string module;
  NodeId self{};
  Incarnation incarnation{};
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
  std::uint64_t frames_sent = 0;
  std::uint64_t send_errors = 0;
  std::string problem;  // why the path cannot be used; empty: none
};

class HeartbeatTransport final : public core::HeartbeatPort {
 public:
  using ReportHandler = std::function<void(std::string text, Instant received)>;

  /// Fails when a port is taken: two modules of one node with the same <heart port>.
  static Result<std::unique_ptr<HeartbeatTransport>> open(boost::asio::io_context& io, Options options,
                                                          core::EventSink sink, ReportHandler on_report);
  ~HeartbeatTransport() override;

  void send(const core::SendHeartbeat& action) override;
  /// A text of at most wire::report_bytes_max for the peer's status; longer ones are not sent.
  void send_report(const std::string& text);
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

  Status open_path(Path& path);
  void wait_for_address(Path& path);
  void wait_for_frames(Path& path);
  void read_all(Path& path);
  void take(Path& path, std::size_t length, Instant now);
  void act(const wire::Accepted& accepted, Path& path, Instant now);
  void transmit(Path& path, const wire::Body& body);
  void transmit_status(const wire::StatusFrame& frame);
  void answer_unproven(Instant now);
  void on_socket_error(Path& path, const boost::system::error_code& error);

  boost::asio::io_context& io_;
  Options options_;
  core::EventSink sink_;
  ReportHandler on_report_;
  wire::Keys keys_;
  std::uint64_t module_;
  wire::Receiver receiver_;
  std::vector<std::unique_ptr<Path>> paths_;
  wire::StatusFrame last_status_;
  Instant answered_unproven_at_;
  std::uint32_t next_report_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace clusteragent::transport
