#pragma once
// PeerJudge: tells silence from loss.
//
// A peer is silent only when nothing was heard on any path for `timeout` AND a burst of "are you there" probes, sent in
// the last part of that time, went unanswered. A single lost frame, or several, cannot bring the verdict: with 25 %
// loss each way and three answers a probe, a probe and its answers are all lost with probability 0.26, sixteen of them
// with 5e-10. The burst also protects against the observer's own stall: after a pause of this process the probes have
// not been sent, so the verdict waits for them instead of taking the own pause for the peer's silence.
//
// Pure; owned by the Cluster; time is the caller's.
#include <cstdint>
#include <optional>

#include "agent/base/time.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::core {

class PeerJudge {
 public:
  PeerJudge(Duration pulse, Duration timeout, Instant now);

  /// A fresh frame was heard.
  void heard(Instant now);
  /// The peer's kernel said that nobody listens; stands until the next frame.
  void process_gone();
  /// Forgets the verdict and listens anew for the full timeout: after a stall of this process nothing older counts.
  void listen_anew(Instant now);
  /// Sends nothing itself: true when a probe is due now; the caller sends it.
  bool take_due_probe(Instant now);

  bool is_silent(Instant now) const;
  /// An ICMP message is easy to forge, so it counts only while no frame came for one and a half pulses.
  bool is_process_gone(Instant now) const;
  Instant last_heard() const { return last_heard_; }
  Duration silence(Instant now) const { return now - last_heard_; }
  /// Next moment at which is_silent or take_due_probe may change; nullopt after the verdict.
  std::optional<Instant> next_deadline(Instant now) const;

 private:
  Instant next_probe_at() const;

  Duration timeout_;
  Duration gone_after_;
  Duration probe_from_;  // silence after which the burst begins
  Duration probe_gap_;
  std::uint32_t probes_planned_;
  std::uint32_t probes_sent_ = 0;
  Instant last_heard_;
  Instant last_probe_;
  bool process_gone_ = false;
};

}  // namespace clusteragent::core
