#pragma once
// Facts: what guards may ask, computed once for each look at the table. Guards read facts, never the machine.
#include "agent/core/machine.hpp"

namespace clusteragent::core {

struct Facts {
  // The peer
  bool peer_is_alive = false;  // heard, and of a protocol version that this agent speaks
  bool peer_is_lost = false;   // silence verdict, or its process is known to be gone
  bool peer_is_incompatible = false;
  bool peer_is_primary = false;          // alive and in ALONE or PRIM
  bool peer_is_newer_primary = false;    // ... under a newer epoch than this node's tenure
  bool newer_primary_is_on_lan = false;  // ... seen on the network of the virtual IP, where no heartbeat says so
  bool is_held_back_by_lan = false;      // the peer answers for the virtual IP there
  bool is_forestalled_on_lan = false;    // ... while this node is on its way and has taken nothing yet
  bool is_news_from_lan = false;         // ... and the operator has not been told
  bool peer_is_second = false;           // alive and in SECOND
  bool peer_is_excused = false;          // its silence is announced: its agent is being restarted
  bool peer_can_take_over = false;       // alive, SECOND and promotable
  bool peer_holds_newer_record = false;
  bool is_superseded = false;  // the other node was elected after this one, and has writes that this one lacks
  bool peer_will_give_up_on_us = false;  // it is deaf to this node and about to take over
  // The way to primacy
  bool may_lead = false;            // nothing here forbids it
  bool peer_does_not_lead = false;  // no other node leads or may begin to
  bool witness_withholds = false;   // there is a witness, and it gives this node no vote
  bool ping_withholds = false;      // the peer is silent, and no ping target answers
  bool ping_is_open = false;        // the peer is silent, and an answer may still come
  bool quorum_is_lost = false;      // no promise lives, and asking again has not helped
  bool hold_is_over = false;        // back-off or yield time has passed
  bool has_yielded = false;
  bool is_blocked_by_hold = false;
  bool links_are_up = false;
  bool failover = false;
  bool insists = false;
  bool forces = false;
  bool operator_hold = false;
  bool tenure_is_durable = false;
  bool is_elected = false;       // two votes are there, or none is needed
  bool is_fencing = false;       // the fence script has not succeeded yet
  bool fencing_is_over = false;  // the peer is heard, or the take-over may not go on for another reason
  bool fence_failed = false;
  bool holds_vip = false;
  bool former_life_remains = false;  // stopped and not wanted, but a crash left the address or the application behind
  bool is_dropping_vip = false;      // its permit is revoked for good
  bool fall_back_is_due = false;     // defaultprim names the peer, and it is ready
  bool is_up_to_date = false;
  bool peer_may_have_gone_on = false;  // it had the data as well when this node last knew, and nobody else can tell
  bool is_first_start = false;         // no data was ever mirrored: which node has it is the operator's to say
  bool block_is_over = false;          // what held the node in WAIT NotReady is gone
  bool guard_released = false;         // the peer's guard said so
  bool peer_stays_away = false;        // alive, not primary and not about to be
  Destination destination = Destination::electing;  // of a leaving phase
  bool is_frozen = false;                           // in maintenance nothing moves by itself
  // The event
  bool is_administrator = false;  // the request carries no -i identity
  bool budget_allows = false;     // maxloop
};

Facts gather_facts(const Machine& m);
/// When time alone may change a fact; nullopt: no such moment is known.
std::optional<Instant> next_fact_deadline(const Machine& m);

}  // namespace clusteragent::core
