// Heartbeats and the permit that goes with them. The permit is armed after the frame was sent and counts from that
// moment, so the kernel stops answering for the VIP before a peer that heard the frame can have given up on this node.
#include "agent/core/machine.hpp"

namespace clusteragent::core {

PeerStatus compose_status(const Machine& m) {
  PeerStatus status;
  status.node = m.policy.self;
  status.incarnation = m.policy.incarnation;
  status.beat = m.beat;
  if (m.peer) {
    status.heard_incarnation = m.peer->incarnation;
    status.heard_beat = m.peer->beat;
    status.heard_age = m.now - m.peer_heard_at;
  }
  status.state = module_state(m);
  status.activity = activity(m);
  status.record = record_on_disk(m);
  status.proposal = proposal_to_tell(m);
  status.voted = highest_epoch_of(m.durable);
  status.holds_vip = m.holds_vip;
  status.runs_service = m.runs_service;
  status.blocked = why_not_promotable(m);
  status.is_promotable = status.blocked == BlockReason::none;
  const bool waits = m.phase == Phase::stopping || m.phase == Phase::stopped || m.phase == Phase::blocked ||
                     (m.phase == Phase::electing && m.waiting.yield_until);
  status.yields = waits && !m.holds_vip && !m.runs_service;
  status.is_candidate = m.is_candidate || is_proposal(m);
  status.insists = m.operator_insists;
  status.wish_id = m.wish_id;
  status.granted_wish_id = m.granted_wish_id;
  status.config_hash = m.policy.config_hash;
  status.restarts_for = announced_for(m);
  status.waits_for = promised_for(m);
  status.holds_reader = m.reader.holds;
  status.is_reader_fit = m.reader.is_fit;
  status.grants_reader = m.reader.grants;
  status.maintenance_number = m.durable.maintenance_number;
  status.maintenance_left = maintenance_left(m);
  return status;
}

void send_beat(Machine& m, bool is_probe) {
  ++m.beat;
  SendHeartbeat frame{compose_status(m)};
  frame.status.is_probe = is_probe;
  if (frame.status.yields || frame.status.state == ModuleState::stop) m.yielded_beat = m.beat;
  emit(m, frame);
  m.last_beat_at = m.now;
  note_claim(m);
  note_reader_beat(m);
  renew_permit(m);
}

void reacquire_vip(Machine& m) {
  m.reacquire_at.reset();
  m.reacquire_token = make_token(m);
  emit(m, AcquireVip{*m.reacquire_token, m.tenure.epoch});
}

void revoke_permit(Machine& m) {
  m.reacquire_at.reset();
  m.permit_until.reset();
  m.tenure.is_revoked = true;
  m.tenure.mute_since.reset();
  forget_promises(m);
  emit(m, RevokePermit{});
}

}  // namespace clusteragent::core
