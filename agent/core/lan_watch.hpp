#pragma once
// The network of the virtual IP as a witness of last resort, where no heartbeat arrives. Internal to agent/core, as
// machine.hpp. Rules (docs/decisions/0011):
//
//   1. A node that has not heard its peer for half of the timeout asks on that network who has the address. It asks as
//      primary, once a pulse, to find a second one; and before it takes over, to find the first.
//   2. Only an answer to its own question of the last timeout counts, and it counts from when the question was asked:
//      a recording of an old word proves nothing and prolongs nothing.
//   3. A primary that learns of a newer epoch gives way; one that learns of an older one stays, answers and announces.
//   4. A node that is not primary does not take over while the peer answers for the address, and for one timeout after
//      it last did. Where a witness votes, its vote decides and this rule does not apply.
//   5. A heartbeat that is heard afterwards supersedes what the network said; so does the peer's word that it let go.
//
// With the primary dead nobody answers, so a take-over is not delayed by any of this.
#include <deque>
#include <optional>

#include "agent/core/events.hpp"

namespace clusteragent::core {

struct Machine;

/// What this node knows from the network of the virtual IP.
struct LanSight {
  struct Said {
    std::uint64_t number = 0;
    Instant at;
  };
  std::deque<Said> said;  // own words of the last timeout, newest last, at most said_max
  std::uint64_t next_number = 0;
  std::uint64_t heard = 0;               // the peer's newest number
  std::optional<Instant> asked_at;       // the peer's newest question
  std::optional<Instant> next_ask_at;    // nullopt: there is nothing to ask
  std::optional<Instant> asked_last_at;  // this node's newest question
  bool owes_answer = false;
  std::optional<Instant> seen_at;   // the peer answers for the address: when the question was asked
  Epoch epoch;                      // ... under this epoch
  bool is_noted = false;            // the operator knows that the peer was seen
  bool held_vip = false;            // after the last step
  std::optional<Instant> rival_at;  // the newest word of a primary with an older epoch
  std::optional<Instant> announced_at;
};

/// Its part of rule 4: `{peer}` as in the transition table.
inline constexpr std::string_view primary_on_lan_reason =
    "{peer} answers for the virtual IP on its network, but no heartbeat arrives: repair the heartbeat networks";

void on_lan_word(Machine& m, const LanWord& word);
/// The peer was heard by other means that say more.
void forget_peer_on_lan(Machine& m);
/// Seen within the timeout, and no heartbeat since.
bool peer_holds_on_lan(const Machine& m);
bool newer_primary_on_lan(const Machine& m);
/// The peer keeps this node from taking over, by rule 4.
bool is_held_back_by_lan(const Machine& m);
/// The same while it is on its way and has taken nothing yet.
bool is_forestalled_on_lan(const Machine& m);
std::string primary_on_lan_text(const Machine& m);
/// A node that begins to wait for the role and has not asked lately asks for a moment before silence counts: the
/// primary may be out of reach of heartbeats.
void ask_lan_before_leading(Machine& m);
void speak_on_lan_if_due(Machine& m);
std::optional<Instant> next_lan_deadline(const Machine& m);

}  // namespace clusteragent::core
