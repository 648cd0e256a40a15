#pragma once
// Hands actions to the ports, at once and in order. Shared by the daemon and the simulator, so that the order which the
// simulator proves is the order in which the agent acts.
#include <type_traits>

#include "agent/core/ports.hpp"

namespace clusteragent::core {

/// The doors of one module; the caller owns them and keeps them alive.
struct Ports {
  HeartbeatPort& heartbeat;
  VipPort& vip;
  PermitPort& permit;
  ScriptPort& scripts;
  StatePort& state;
  WatchPort& watch;
  WitnessPort& witness;
  ProviderPort& provider;
  HandoverPort& handover;
  OperatorPort& operators;
  ReaderPort& reader;
};

inline void dispatch(const Action& action, const Ports& ports) {
  std::visit(
      [&ports](const auto& typed) {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, PersistState>)
          ports.state.persist(typed);
        else if constexpr (std::is_same_v<T, SendHeartbeat>)
          ports.heartbeat.send(typed);
        else if constexpr (std::is_same_v<T, AcquireVip>)
          ports.vip.acquire(typed);
        else if constexpr (std::is_same_v<T, ReleaseVip>)
          ports.vip.release(typed);
        else if constexpr (std::is_same_v<T, AnnounceVip>)
          ports.vip.announce();
        else if constexpr (std::is_same_v<T, SpeakOnLan>)
          ports.vip.speak(typed);
        else if constexpr (std::is_same_v<T, SetPermit>)
          ports.permit.set(typed);
        else if constexpr (std::is_same_v<T, RevokePermit>)
          ports.permit.revoke();
        else if constexpr (std::is_same_v<T, AcquireReader>)
          ports.reader.acquire_reader(typed);
        else if constexpr (std::is_same_v<T, ReleaseReader>)
          ports.reader.release_reader(typed);
        else if constexpr (std::is_same_v<T, SetReaderPermit>)
          ports.reader.set_reader_permit(typed);
        else if constexpr (std::is_same_v<T, RevokeReaderPermit>)
          ports.reader.revoke_reader_permit();
        else if constexpr (std::is_same_v<T, RunScript>)
          ports.scripts.run(typed);
        else if constexpr (std::is_same_v<T, CancelScript>)
          ports.scripts.cancel(typed.token);
        else if constexpr (std::is_same_v<T, ArmWatch>)
          ports.watch.arm(typed.watch_class);
        else if constexpr (std::is_same_v<T, DisarmWatch>)
          ports.watch.disarm(typed.watch_class);
        else if constexpr (std::is_same_v<T, AskWitness>)
          ports.witness.ask(typed);
        else if constexpr (std::is_same_v<T, LeadData>)
          ports.provider.lead(typed);
        else if constexpr (std::is_same_v<T, FollowData>)
          ports.provider.follow(typed);
        else if constexpr (std::is_same_v<T, AllowSolo>)
          ports.provider.allow_solo(typed);
        else if constexpr (std::is_same_v<T, ReleaseData>)
          ports.provider.release(typed);
        else if constexpr (std::is_same_v<T, HandOver>)
          ports.handover.hand_over(typed);
        else if constexpr (std::is_same_v<T, Reply>)
          ports.operators.reply(typed);
        else if constexpr (std::is_same_v<T, Note>)
          ports.operators.note(typed);
      },
      action);
}

}  // namespace clusteragent::core
