#pragma once
// Deliberately broken surroundings: each variant takes away one thing that the safety of the whole rests on. A
// simulator that does not notice is worth nothing, so ctest demands that each is caught. Plain values.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace clusteragent::simulation {

enum class Variant : std::uint8_t {
  none,
  fence_off,            // the kernel answers for the address without a permit, and no guard acts
  lease_too_long,       // a permit outlives the peer's timeout
  early_acknowledge,    // a write is reported durable before it is
  drop_after_announce,  // the end of scripts and releases is reported before they have ended
  amnesia,              // the state file is lost at every restart
  probes_lost,          // "are you there" never arrives: the verdict is a plain timeout
  stale_frames,         // old frames are let in again under fresh numbers: no replay protection
  guard_speaks_first,   // the guard reports the release before it has released
  deaf_to_demotion,     // a demoted node keeps its address and its permit
  promises_ignored,     // the witness votes although it has promised the role to the other node
  lan_ignored,          // what the nodes say on the virtual IP's network is not listened to
  talks_after_reboot,   // the witness answers at once when it has forgotten its promises
  solo_without_record,  // the provider acknowledges alone before the other node is on record as out of date
  synced_too_early,     // ... and calls the other one up to date before it has copied everything
  forgets_sync_set,     // a restarted node takes itself for up to date
  silent_candidates,    // a node that seeks the role does not say so in its frames
  observation_ignored,  // in the register no promise of the other node is seen: it is not waited for
  swap_blind,           // the register takes a write whatever was written meanwhile
  grace_unconfirmed,    // an announced restart takes the peer's promise for given
  unconfirmed_replies,  // a write is acknowledged before the replica has it
  copy_without_record,  // a copy begins while the replica counts as up to date
  mark_forgotten,       // the replica does not mark a copy that has begun
  names_out_of_order,   // a rename is numbered after the lock is gone
  leads_from_memory,    // what a replica has only in its memory is not written to disk before it leads
  reader_unleased,      // the kernel answers for the readers' address without a lease
  reader_unasked,       // the readers' address is taken without the other node's word
  death_said_once,      // that the engine died is said once, whether anybody could make use of it or not
};
constexpr std::size_t variants = 28;

std::string_view name_of(Variant);
std::optional<Variant> variant_named(std::string_view);

}  // namespace clusteragent::simulation
