#pragma once
// Announced restarts of the agent. The one that goes says so in its heartbeats and waits until the other has promised:
// a secondary promises, on its disk, not to lead before the time is over; a primary promises to keep its role and not
// to take the silence for a death. Only then is the permit extended and the role handed to the next life of the agent.
// The time counts from the first announcing beat at the one that goes and from hearing it at the other, so that the
// promise outlives what is built on it. Internal to agent/core, as machine.hpp.
#include <optional>

#include "agent/core/events.hpp"
#include "agent/core/handover.hpp"

namespace clusteragent::core {

struct Machine;

struct Announcement {
  // The one that goes
  std::optional<RequestId> request;  // asked for and not yet answered
  Instant began;
  Instant until;  // beats announce until then
  std::uint64_t first_beat = 0;
  std::optional<Token> handing_over;  // HandOver is under way
  bool is_over = false;               // everything is in the hands of the next life: nothing is decided any more
  // The one that stays
  std::optional<Instant> hold_until;  // promised not to lead before
  std::optional<Instant> peer_away_until;
  // The one that came
  bool was_resumed = false;
  bool is_to_be_armed = false;  // process watches, at the first step
};

/// Makes `m` go on where the former life stopped.
void resume(Machine& m, const Handover& left);
/// The first step of a resumed life.
void arm_resumed(Machine& m);

void begin_announcement(Machine& m, const OperatorRequest& request);
/// Hands over once the other node has promised, gives up when it does not; after every event.
void advance_announcement(Machine& m);
void on_handed_over(Machine& m, const ActionFinished& finished);
/// Of the peer's newest frame.
void take_peer_announcement(Machine& m);

/// For the next heartbeat.
Duration announced_for(const Machine& m);
Duration promised_for(const Machine& m);

/// A promise to wait for the peer's next life stands: its silence is no reason to lead.
bool holds_back(const Machine& m);
/// The silence of the peer is announced, or this life has not heard it yet.
bool peer_is_excused(const Machine& m);
std::optional<Instant> next_announcement_deadline(const Machine& m);

}  // namespace clusteragent::core
