#include "tests/simulation/variant.hpp"

#include <array>

namespace clusteragent::simulation {
namespace {

constexpr std::array<std::string_view, variants> names{"none",
                                                       "fence_off",
                                                       "lease_too_long",
                                                       "early_acknowledge",
                                                       "drop_after_announce",
                                                       "amnesia",
                                                       "probes_lost",
                                                       "stale_frames",
                                                       "guard_speaks_first",
                                                       "deaf_to_demotion",
                                                       "promises_ignored",
                                                       "lan_ignored",
                                                       "talks_after_reboot",
                                                       "solo_without_record",
                                                       "synced_too_early",
                                                       "forgets_sync_set",
                                                       "silent_candidates",
                                                       "observation_ignored",
                                                       "swap_blind",
                                                       "grace_unconfirmed",
                                                       "unconfirmed_replies",
                                                       "copy_without_record",
                                                       "mark_forgotten",
                                                       "names_out_of_order",
                                                       "leads_from_memory",
                                                       "reader_unleased",
                                                       "reader_unasked",
                                                       "death_said_once"};

}  // namespace

std::string_view name_of(Variant variant) {
  return names[static_cast<std::size_t>(variant)];
}

std::optional<Variant> variant_named(std::string_view name) {
  for (std::size_t index = 0; index < names.size(); index++) {
    if (names[index] == name) {
      return static_cast<Variant>(index);
    }
  }
  return std::nullopt;
}

}  // namespace clusteragent::simulation
