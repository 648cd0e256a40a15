#pragma once
// Effects of the transition table: each prepares the data and the plan of the phase that the row leads to. Internal to
// agent/core. None of them changes the phase: only the table does.
#include "agent/core/machine.hpp"

namespace clusteragent::core {

// Start and stop
void begin_start(Machine& m);
void begin_start_as_primary(Machine& m);
void begin_start_as_secondary(Machine& m);
void begin_stopping(Machine& m);
void settle_stopped(Machine& m);
// Waiting
void begin_election(Machine& m);
void begin_waiting_after_leaving(Machine& m);
void block_on_interface(Machine& m);
void block_on_incompatible_peer(Machine& m);
void block_on_operator_hold(Machine& m);
void block_on_old_data(Machine& m);
void block_on_first_start(Machine& m);
void block_on_quorum(Machine& m);
void leave_without_quorum(Machine& m);
void block_on_ping(Machine& m);
void leave_isolated(Machine& m);
void leave_second_isolated(Machine& m);
void block_on_full_disk(Machine& m);
void end_yield(Machine& m);
void heed_primary_on_lan(Machine& m);
void insist(Machine& m);
void hold_as_secondary(Machine& m);
// Primary
void begin_take_over(Machine& m);
void abandon_take_over(Machine& m);
void settle_primary(Machine& m);
void welcome_secondary(Machine& m);
void continue_alone(Machine& m);
void renumber_tenure(Machine& m);
void begin_restart(Machine& m);
void leave_for_newer_primary(Machine& m);
void leave_for_interface(Machine& m);
void leave_to_deaf_peer(Machine& m);
void leave_for_swap(Machine& m);
void leave_for_fall_back(Machine& m);
void leave_to_stop(Machine& m);
void leave_by_budget(Machine& m);
void leave_for_stopstart(Machine& m);
void leave_after_failed_start(Machine& m);
void drop_vip_now(Machine& m);
void stop_after_leaving(Machine& m);
// Secondary
void begin_joining(Machine& m);
void settle_second(Machine& m);
void wish_for_swap(Machine& m);
void leave_second_to_stop(Machine& m);
void leave_second_by_budget(Machine& m);
void leave_second_to_rejoin(Machine& m);
void leave_second_after_failed_start(Machine& m);
void leave_second_blocked(Machine& m);

}  // namespace clusteragent::core
