#pragma once
// A header and a status frame in which no two fields are alike, so that fields which were mixed up show.
#include "agent/wire/frame.hpp"

namespace clusteragent::wire {

inline Header sample_header(std::uint64_t module) {
  Header header;
  header.module_hash = module;
  header.node = NodeId{1};
  header.path = PathId{2};
  header.incarnation = Incarnation{77};
  header.sequence = 9;
  header.challenge = 1001;
  header.echo = 2002;
  return header;
}

inline StatusFrame sample_status() {
  StatusFrame frame;
  frame.beat = 12;
  frame.heard_incarnation = Incarnation{5};
  frame.heard_beat = 13;
  frame.heard_age = std::chrono::milliseconds{3};
  frame.state = 3;
  frame.activity = 1;
  frame.record_epoch = Epoch{8};
  frame.record_revision = Revision{14};
  frame.record_holder = NodeId{1};
  frame.record_sync_set = 2;
  frame.proposal_epoch = Epoch{43};
  frame.proposal_revision = Revision{2};
  frame.proposal_sync_set = 1;
  frame.voted = Epoch{44};
  frame.blocked = 9;
  frame.holds_vip = frame.is_promotable = frame.is_candidate = frame.is_probe = true;
  frame.is_reader_fit = true;
  frame.wish_id = 15;
  frame.granted_wish_id = 16;
  frame.config_hash = 17;
  frame.sent_at = 18;
  frame.echo = 19;
  frame.echo_held = Duration{20};
  frame.paths.add({PathId{0}, true, std::chrono::milliseconds{4}, 250});
  frame.paths.add({PathId{1}, false, Duration{}, 1000});
  return frame;
}

}  // namespace clusteragent::wire
