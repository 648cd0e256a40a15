#pragma once
// What the core asks the outside to do: imperative, in the order in which they must be carried out. Any action may be
// repeated after a restart; acquiring what is held or releasing what is not is success. Actions with a token are
// answered by exactly one ActionFinished; the core orders dependent actions by waiting for it, so a dispatcher carries
// out what it gets at once and in order.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/handover.hpp"
#include "agent/core/lan_word.hpp"
#include "agent/core/voter.hpp"

namespace clusteragent::core {

/// Write and fsync; heartbeats go on meanwhile.
struct PersistState {
  Token token;
  DurableState state;
};
/// Send on every path now.
struct SendHeartbeat {
  PeerStatus status;
};
/// Add the virtual addresses and announce them in a burst.
struct AcquireVip {
  Token token;
  Epoch epoch;
};
struct ReleaseVip {
  Token token;
};
/// Gratuitous ARP and unsolicited neighbour advertisement again, in a burst.
struct AnnounceVip {};
/// Signed, to everybody on the networks of the virtual addresses, behind a question that claims none of them. Lost ones
/// are said again by the core.
struct SpeakOnLan {
  LanWord word;
};
/// Let the kernel answer for the VIP until then and no longer, unless renewed.
struct SetPermit {
  Epoch epoch;
  Instant until;
};
struct RevokePermit {};
/// Add the readers' address and announce it; answered, as AcquireVip.
struct AcquireReader {
  Token token;
};
struct ReleaseReader {
  Token token;
};
/// Let the kernel answer for the readers' address until then and no longer, unless renewed.
struct SetReaderPermit {
  Instant until;
};
struct RevokeReaderPermit {};
/// Whom the `fence` script is to switch off, and why.
struct FenceTarget {
  std::string peer;
  Epoch epoch;  // of the tenure that begins when it has succeeded
  std::string reason;
};

struct RunScript {
  Token token;
  ScriptKind script = ScriptKind::prestart;
  bool force = false;  // first argument "force"
  ModuleState from = ModuleState::stop;
  ModuleState to = ModuleState::stop;
  std::string action;                     // start, stop, stopstart, stopwait, restart, swap: the third argument
  Duration limit{};                       // afterwards its process group is killed and the outcome is timed_out
  std::optional<FenceTarget> fence = {};  // of ScriptKind::fence only
};
/// End a running script now; its ActionFinished still comes.
struct CancelScript {
  Token token;
};
struct ArmWatch {
  WatchClass watch_class = WatchClass::prim;
};
struct DisarmWatch {
  WatchClass watch_class = WatchClass::prim;
};
/// Keep this for the next life of the agent and let the kernel and the guard hold what is held until then. After
/// success the agent ends without another act.
struct HandOver {
  Token token;
  Handover left;
};
struct Reply {
  RequestId request;
  bool is_accepted = false;
  std::string message;  // a refusal names its reason and the command that overrides it
};

/// A datagram to the witness; lost ones are asked again by the core. Answered by WitnessAnswered with the same number.
struct AskWitness {
  std::uint64_t ask = 0;  // grows within one life of the agent
  WitnessRequest request;
};

/// The data of this node is the service's from now on. Solo: writes are acknowledged without the other node.
struct LeadData {
  Token token;
  Epoch epoch;
  bool is_solo = false;
};
/// The data of this node follows that of the primary.
struct FollowData {
  Token token;
  Epoch epoch;
  Epoch diverged;  // what this node wrote under it beside a newer primary is to be kept aside; 0: nothing
};
/// The other node is recorded as out of date: writes are acknowledged without it.
struct AllowSolo {
  Epoch epoch;
};
/// Neither any more; nothing is acknowledged after the answer.
struct ReleaseData {
  Token token;
  /// Planned, and the other node is ready to lead: whose copy is behind may wait until it is close, for as long as
  /// the application can write meanwhile.
  bool is_handed_over = false;
};

enum class Severity : char { critical = 'C', event = 'E', user = 'U', info = 'I' };
/// One line for the operator.
struct Note {
  Severity severity = Severity::info;
  std::string text;
};

using Action =
    std::variant<PersistState, SendHeartbeat, AcquireVip, ReleaseVip, AnnounceVip, SpeakOnLan, SetPermit, RevokePermit,
                 RunScript, CancelScript, ArmWatch, DisarmWatch, AskWitness, LeadData, FollowData, AllowSolo,
                 ReleaseData, HandOver, Reply, Note, AcquireReader, ReleaseReader, SetReaderPermit, RevokeReaderPermit>;
using ActionList = std::vector<Action>;

}  // namespace clusteragent::core
