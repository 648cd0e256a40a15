#pragma once
// The doors between the core and the world. Each has two implementations: the real one in a shell and the simulated one
// in tests/simulation. All methods are called on the decision thread and return at once; what takes time is done
// elsewhere and its end posted to the sink, on the decision thread, never from inside the call that asked for it.
#include <functional>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"

namespace clusteragent::core {

using EventSink = std::function<void(Event)>;

class HeartbeatPort {
 public:
  virtual ~HeartbeatPort() = default;
  /// Sends one frame on every path. Loss is normal and silent.
  virtual void send(const SendHeartbeat&) = 0;
};

class VipPort {
 public:
  virtual ~VipPort() = default;
  virtual void acquire(const AcquireVip&) = 0;  // answered by ActionFinished
  virtual void release(const ReleaseVip&) = 0;  // answered by ActionFinished once no address is left
  virtual void announce() = 0;
  /// Loss is normal and silent; a word that says that the address is held is dropped once it is not.
  virtual void speak(const SpeakOnLan&) = 0;
};

class PermitPort {
 public:
  virtual ~PermitPort() = default;
  virtual void set(const SetPermit&) = 0;
  virtual void revoke() = 0;
};

/// The readers' address; never called where Policy::reader is not configured.
class ReaderPort {
 public:
  virtual ~ReaderPort() = default;
  virtual void acquire_reader(const AcquireReader&) = 0;  // answered by ActionFinished
  virtual void release_reader(const ReleaseReader&) = 0;  // answered by ActionFinished once no address is left
  virtual void set_reader_permit(const SetReaderPermit&) = 0;
  virtual void revoke_reader_permit() = 0;
};

class ScriptPort {
 public:
  virtual ~ScriptPort() = default;
  virtual void run(const RunScript&) = 0;  // answered by ActionFinished
  virtual void cancel(Token) = 0;
};

class StatePort {
 public:
  virtual ~StatePort() = default;
  virtual void persist(const PersistState&) = 0;  // answered by ActionFinished once it is on disk
};

class WatchPort {
 public:
  virtual ~WatchPort() = default;
  virtual void arm(WatchClass) = 0;
  virtual void disarm(WatchClass) = 0;
};

class WitnessPort {
 public:
  virtual ~WitnessPort() = default;
  /// Sends one datagram. Loss is normal and silent.
  virtual void ask(const AskWitness&) = 0;  // answered by WitnessAnswered, or not at all
};

/// What mirrors the data; never called where Policy::mirrors_data is false.
class ProviderPort {
 public:
  virtual ~ProviderPort() = default;
  /// Answered by ActionFinished; a failure says whether anything could have been written meanwhile.
  virtual void lead(const LeadData&) = 0;
  virtual void follow(const FollowData&) = 0;  // answered by ActionFinished
  virtual void allow_solo(const AllowSolo&) = 0;
  virtual void release(const ReleaseData&) = 0;  // answered by ActionFinished
};

class HandoverPort {
 public:
  virtual ~HandoverPort() = default;
  virtual void hand_over(const HandOver&) = 0;  // answered by ActionFinished, after which the process ends
};

class OperatorPort {
 public:
  virtual ~OperatorPort() = default;
  virtual void reply(const Reply&) = 0;
  virtual void note(const Note&) = 0;
};

}  // namespace clusteragent::core
