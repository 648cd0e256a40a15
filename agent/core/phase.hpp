#pragma once
// Phases: the rows and columns of the transition table. Each is one of SafeKit's states with an activity; several
// phases share a state where the way in or out differs. Pure values.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "agent/core/types.hpp"

namespace clusteragent::core {

enum class Phase : std::uint8_t {
  stopped,          // STOP NotReady
  prestarting,      // WAIT Transient: prestart cleans up what a former life left running
  electing,         // WAIT Transient: listening, finding out who is primary
  blocked,          // WAIT NotReady: may not become primary and has no primary to follow
  taking_over,      // ALONE Transient: epoch, virtual IP, start scripts
  alone,            // ALONE Ready
  prim,             // PRIM Ready
  restarting,       // ALONE or PRIM Transient: stop and start scripts, the role stays
  leaving_primary,  // ALONE or PRIM Transient: stop scripts, virtual IP released
  joining,          // SECOND Transient: start scripts of the secondary
  second,           // SECOND Ready
  leaving_second,   // SECOND Transient: stop scripts of the secondary
  stopping,         // WAIT Transient: force pass and poststop
};
constexpr std::size_t phase_count = 13;

constexpr std::array<Phase, phase_count> all_phases{
    Phase::stopped, Phase::prestarting,    Phase::electing,   Phase::blocked,         Phase::taking_over,
    Phase::alone,   Phase::prim,           Phase::restarting, Phase::leaving_primary, Phase::joining,
    Phase::second,  Phase::leaving_second, Phase::stopping};

struct PhaseSet {
  std::uint32_t bits = 0;
  constexpr PhaseSet(std::initializer_list<Phase> phases) {  // NOLINT(google-explicit-constructor)
    for (const Phase phase : phases) bits |= 1U << static_cast<unsigned>(phase);
  }
  constexpr bool contains(Phase phase) const { return ((bits >> static_cast<unsigned>(phase)) & 1U) != 0; }
  friend constexpr PhaseSet operator|(PhaseSet a, PhaseSet b) {
    PhaseSet both{};
    both.bits = a.bits | b.bits;
    return both;
  }
};

inline constexpr PhaseSet primary_phases{Phase::taking_over, Phase::alone, Phase::prim, Phase::restarting};
inline constexpr PhaseSet settled_primary_phases{Phase::alone, Phase::prim};
inline constexpr PhaseSet secondary_phases{Phase::joining, Phase::second};
inline constexpr PhaseSet waiting_phases{Phase::electing, Phase::blocked};
inline constexpr PhaseSet leaving_phases{Phase::leaving_primary, Phase::leaving_second};

std::string_view name_of(Phase phase);

}  // namespace clusteragent::core
