#include "agent/core/peer_judge.hpp"

#include <algorithm>

namespace clusteragent::core {
namespace {

using std::chrono::milliseconds;

// More probes than this add nothing to the odds and only load a network that is in trouble already.
constexpr std::uint32_t probes_max = 16;
constexpr std::uint32_t probes_min = 6;
// Closer together, probes and their answers would share the fate of one burst of loss.
constexpr Duration probe_gap_min = milliseconds{1};

}  // namespace

PeerJudge::PeerJudge(Duration pulse, Duration timeout, Instant now)
    : timeout_{timeout}, gone_after_{pulse * 3 / 2}, last_heard_{now} {
  // Before half of the timeout there is nothing to hurry for; the configuration asks for a timeout of three pulses or
  // more, so that at least one whole pulse has passed by then.
  probe_from_ = timeout / 2;
  const Duration room = timeout - probe_from_;
  const auto fitting = static_cast<std::uint32_t>(std::max<std::int64_t>(0, room / probe_gap_min - 1));
  probes_planned_ = std::clamp(fitting, probes_min, probes_max);
  probe_gap_ = std::max<Duration>(room / (probes_planned_ + 1), Duration{1});
}

void PeerJudge::heard(Instant now) {
  last_heard_ = now;
  probes_sent_ = 0;
  process_gone_ = false;
}

void PeerJudge::process_gone() {
  process_gone_ = true;
}

bool PeerJudge::is_process_gone(Instant now) const {
  return process_gone_ && silence(now) >= gone_after_;
}

void PeerJudge::listen_anew(Instant now) {
  last_heard_ = now;
  probes_sent_ = 0;
  process_gone_ = false;  // said before the stall; the peer may have come back and led since
}

Instant PeerJudge::next_probe_at() const {
  const Instant planned = last_heard_ + probe_from_;
  return probes_sent_ == 0 ? planned : std::max(planned, last_probe_ + probe_gap_);
}

bool PeerJudge::take_due_probe(Instant now) {
  if (probes_sent_ >= probes_planned_ || now < next_probe_at()) return false;
  ++probes_sent_;
  last_probe_ = now;
  return true;
}

bool PeerJudge::is_silent(Instant now) const {
  // The last probe gets a gap of its own to be answered in.
  return silence(now) >= timeout_ && probes_sent_ >= probes_planned_ && now >= last_probe_ + probe_gap_;
}

std::optional<Instant> PeerJudge::next_deadline(Instant now) const {
  if (process_gone_ && !is_process_gone(now)) return std::min(last_heard_ + gone_after_, next_probe_at());
  if (probes_sent_ < probes_planned_) return next_probe_at();
  const Instant verdict = std::max(last_heard_ + timeout_, last_probe_ + probe_gap_);
  if (now >= verdict) return std::nullopt;
  return verdict;
}

}  // namespace clusteragent::core
