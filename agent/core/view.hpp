#pragma once
// The read model: what `status`, logs and tests see of the core. A value, made anew by Cluster::view; ages are counted
// by the reader from the instants given here, so that a stale copy cannot look fresh.
#include <optional>
#include <string>

#include "agent/core/voter.hpp"

namespace clusteragent::core {

struct PeerView {
  bool was_ever_heard = false;
  bool is_silent = true;              // nothing heard for the timeout, or its process is known to be gone
  bool is_process_gone = false;       // its kernel says that no agent listens
  bool is_deaf_to_us = false;         // it hears nothing from this node although this node hears it (one-way cut)
  bool is_incompatible = false;       // speaks another protocol version
  Instant last_heard;                 // meaningful when was_ever_heard
  PeerStatus status;                  // as last heard
  std::optional<Instant> away_until;  // it announced a restart of its agent
};

struct WitnessView {
  bool is_configured = false;
  bool is_silent = false;                      // it owes an answer for longer than the timeout
  std::optional<Instant> heard_at;             // nullopt: never
  WitnessAnswer answer;                        // its newest; meaningful when heard_at is there
  std::optional<Instant> promised_until;       // its promise to this node, as counted here
  std::optional<Instant> peer_promised_until;  // the other node's
};

struct ReaderView {
  bool is_configured = false;
  bool holds = false;   // this node's kernel may answer for the readers' address
  bool is_fit = false;  // of a secondary
  std::string why;      // why they are sent where they are sent, as this node sees it; empty: it has no part in it
};

struct View {
  NodeId self;
  ModuleState state = ModuleState::stop;
  Activity activity = Activity::not_ready;
  Instant since;                       // of the present state and activity
  std::string reason;                  // why it is in this state: the last transition's sentence
  std::string doing;                   // the step under way ("start_prim", "writing epoch 8"); empty: none
  std::optional<Instant> next_try_at;  // of a blocked node that goes on by itself then
  std::string remedy;                  // the command that would change a blocked state; empty: none
  Record record;
  Epoch diverged_epoch;  // this node went on as primary beside a newer one, and nobody has acknowledged it; 0: no
  bool holds_vip = false;
  bool runs_service = false;  // the application may be running here
  std::optional<Instant> permit_until;
  bool is_promotable = false;
  BlockReason blocked = BlockReason::none;
  std::string last_script_failure;  // exit code and last lines of the newest script that failed; empty: none
  std::uint32_t restarts_used = 0;
  std::uint32_t restarts_max = 0;
  std::optional<Instant> restart_window_ends;
  std::size_t role_changes = 0;  // that this node made by itself, within role_changes_window
  Duration role_changes_window{};
  std::optional<Instant> held_until;              // no voluntary move before; nullopt: nothing is held
  std::optional<bool> config_matches;             // nullopt while the peer is unknown
  std::optional<Instant> promised_to_wait_until;  // for the next life of the peer's agent
  std::optional<Instant> maintenance_until;
  NodeId maintenance_said_on;          // meaningful in maintenance
  bool is_maintenance_agreed = false;  // the peer knows of it
  std::string left_alone;              // the failure that maintenance does nothing about; empty: none
  PeerView peer;
  WitnessView witness;
  ReaderView reader;
};

}  // namespace clusteragent::core
