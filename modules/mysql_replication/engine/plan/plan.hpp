#pragma once
// The planner: from what is wanted and what was seen to the one next step. PURE. The caller carries the step out, looks
// again and asks again, so a step that was lost or done twice does no harm, and a newer wish counts from the next step.
//
// Rules that no answer breaks: a standby is read-only before anything else; a server is not writable before it has
// applied all it received, nor over an error of its applier, nor when it may lack what it acknowledged; it does not
// follow before its transactions were compared with those of the primary.
#include <string>

#include "modules/mysql_replication/engine/plan/view.hpp"

namespace clusteragent::mysql {

enum class Step {
  none,
  fence,  // read-only, and every client's connection ended
  semi_sync_on,
  semi_sync_off,
  stop_receiver,
  start_receiver,
  start_applier,
  forget_source,
  make_writable,
  follow_peer,  // repoint and start; the relay log begins anew
  vouch,        // show the primary that this node has on record that its copy is complete
  unvouch,
  adopt,  // tell it where the copy stands that its data are
};
const char* text_of(Step step);

enum class Verdict {
  step,      // carry it out and ask again
  wait,      // for what the reason says; ask again after the next look
  done,      // as it is wanted
  failed,    // it will not get there by itself
  errant,    // this server has transactions that the primary never had
  purged,    // the primary's log no longer begins where this server stands
  diverged,  // following, and the applier stopped over an error
};

struct Plan {
  Verdict verdict = Verdict::wait;
  Step step = Step::none;
  std::string reason;
};

struct Situation {
  Wish wish;
  View own;
  View peer;  // of the look that came last; not reachable: nothing is known
  Endpoint peer_endpoint;
  Following following;
  bool is_drain_over = false;  // the time to apply what was received has run out
  bool is_copy_new = false;    // the data are a copy whose place in the log the server does not know
  std::string certainty_path;  // the file to remove for who wants to lead with this copy as it is
};

Plan next_step(const Situation& situation);
/// Errant transactions and purged logs show only after a look at the primary that is newer than that at this server; in
/// between they are there all the same. Of one role.
Plan lasting(const Plan& before, Plan now, const View& own, const View& peer);

/// This server is the one that `following` speaks of, and it had everything.
bool is_certain(const Following& following, const ServerState& own);
/// What is known after a look at both while this server follows.
Following followed(Following known, const View& own, const View& peer, const Endpoint& peer_endpoint);
/// Before `follow_peer` is carried out; the relay log ends there.
Following follow_anew(const View& own);
/// It has this source, and both threads are at work.
bool is_following(const ReplicaStatus& replica, const Endpoint& peer);

}  // namespace clusteragent::mysql
