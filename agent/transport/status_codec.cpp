#include "agent/transport/status_codec.hpp"

namespace clusteragent::transport {

static_assert(static_cast<std::uint8_t>(core::ModuleState::second) == wire::state_max);
static_assert(static_cast<std::uint8_t>(core::Activity::ready) == wire::activity_max);
static_assert(static_cast<std::uint8_t>(core::BlockReason::maintenance) == wire::blocked_max);

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
  if (status.proposal) {
    frame.proposal_epoch = status.proposal->epoch;
    frame.proposal_revision = status.proposal->revision;
    frame.proposal_sync_set = status.proposal->sync_set.bits;
  }
  frame.voted = status.voted;
  frame.blocked = static_cast<std::uint8_t>(status.blocked);
  frame.holds_vip = status.holds_vip;
  frame.runs_service = status.runs_service;
  frame.is_promotable = status.is_promotable;
  frame.yields = status.yields;
  frame.is_candidate = status.is_candidate;
  frame.insists = status.insists;
  frame.is_probe = status.is_probe;
  frame.holds_reader = status.holds_reader;
  frame.is_reader_fit = status.is_reader_fit;
  frame.grants_reader = status.grants_reader;
  frame.wish_id = status.wish_id;
  frame.granted_wish_id = status.granted_wish_id;
  frame.config_hash = status.config_hash;
  frame.restarts_for = status.restarts_for;
  frame.waits_for = status.waits_for;
  frame.maintenance_number = status.maintenance_number;
  frame.maintenance_left = status.maintenance_left;
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
  if (frame.proposal_epoch.value() != 0) {
    status.proposal = core::Record{frame.proposal_epoch, frame.proposal_revision, header.node,
                                   core::NodeSet{frame.proposal_sync_set}};
  }
  status.voted = frame.voted;
  status.blocked = static_cast<core::BlockReason>(frame.blocked);
  status.holds_vip = frame.holds_vip;
  status.runs_service = frame.runs_service;
  status.is_promotable = frame.is_promotable;
  status.yields = frame.yields;
  status.is_candidate = frame.is_candidate;
  status.insists = frame.insists;
  status.is_probe = frame.is_probe;
  status.holds_reader = frame.holds_reader;
  status.is_reader_fit = frame.is_reader_fit;
  status.grants_reader = frame.grants_reader;
  status.wish_id = frame.wish_id;
  status.granted_wish_id = frame.granted_wish_id;
  status.config_hash = frame.config_hash;
  status.restarts_for = frame.restarts_for;
  status.waits_for = frame.waits_for;
  status.maintenance_number = frame.maintenance_number;
  status.maintenance_left = frame.maintenance_left;
  return status;
}

}  // namespace clusteragent::transport
