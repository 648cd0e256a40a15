#pragma once
// What the outside tells the core: past-tense facts. Values; produced by the shells, consumed by Cluster::step.
#include <optional>
#include <string>
#include <variant>

#include "agent/core/lan_word.hpp"
#include "agent/core/voter.hpp"

namespace clusteragent::core {

/// An authenticated, fresh heartbeat of the peer.
struct FrameReceived {
  PathId path;
  PeerStatus status;
};
/// The peer's kernel says that nobody listens on the heartbeat port (ICMP port unreachable): its agent is gone.
struct PeerProcessGone {
  PathId path;
};
/// The peer's guard says: my agent died; the VIP of that tenure is released and its application stopped.
struct PeerGuardReleased {
  Epoch epoch;
};
/// An authenticated frame of a protocol version that this agent does not speak.
struct PeerIncompatible {
  std::uint16_t version_min = 0;
  std::uint16_t version_max = 0;
};
struct LinkChanged {
  std::string interface;
  bool has_link = false;
};
/// Somebody else answers for a virtual address that this node holds.
struct VipConflict {
  std::string address;
  std::string mac;
};
/// A virtual address vanished from its interface although nobody here removed it.
struct VipLost {
  std::string address;
};
/// errd: a watched process is missing or in excess.
struct ProcessFailed {
  std::string process;
  FailureAction action = FailureAction::restart;
  std::string detail;
};
/// The answer to an action that carried a token.
struct ActionFinished {
  Token token;
  Outcome outcome = Outcome::success;
  std::string detail;         // exit code and last lines of a script, the system's reason
  bool is_untouched = false;  // LeadData that failed before anything could be written
};
struct OperatorRequest {
  RequestId request;
  Verb verb = Verb::start;
  bool force = false;
  std::string identity;      // of `-i`: a script or checker asked, not the administrator; empty: the administrator
  std::string asked_by;      // for the log: user name or SYSTEM
  bool is_shutdown = false;  // stop because the agent or the machine goes down: the module starts again with the agent
  Duration lasts{};          // of maintenance_on
};
/// An authenticated, fresh answer of the witness to the ask of that number.
struct WitnessAnswered {
  std::uint64_t ask = 0;
  WitnessAnswer answer;
};
/// The peer spoke on the network of the virtual IP; authenticated, not known to be fresh.
struct LanWordHeard {
  LanWord word;
};
/// Of the provider of the primary: the other node has every write of this tenure on its disk, and from now on a write
/// is acknowledged only when it is there as well.
struct ProviderSynced {
  Epoch epoch;
};
/// Of the provider of the primary: the other node is not reached any more; writes wait until AllowSolo.
struct ProviderBehind {
  Epoch epoch;
  std::string reason;
};
/// Of the provider of a secondary whose data the servers replicate, about every second. The lag: for how long it has
/// been behind; nullopt: not known. `problem`: why it does not follow; empty: it does.
struct ReplicaSeen {
  std::optional<Duration> lag;
  std::string problem;
};
/// A readers' address vanished from its interface although nobody here removed it.
struct ReaderLost {
  std::string address;
};
struct DeadlineReached {};

using Event = std::variant<FrameReceived, PeerProcessGone, PeerGuardReleased, PeerIncompatible, LinkChanged,
                           VipConflict, VipLost, ProcessFailed, ActionFinished, OperatorRequest, WitnessAnswered,
                           LanWordHeard, ProviderSynced, ProviderBehind, ReplicaSeen, ReaderLost, DeadlineReached>;

}  // namespace clusteragent::core
