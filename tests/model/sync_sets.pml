/* Which node has the data (docs/data-safety.md), for exhaustive checking by spin: two data nodes and a witness, every
   message lost or late at will, crashes of agents, connections of the data that break at any moment.

   Time and promises are left out, and nothing here needs them: they decide who answers for the virtual IP
   (votes.pml), records decide whose writes count. Two nodes may believe themselves primary here; what must never happen
   is that one of them acknowledges a write while it lacks one that was acknowledged before.

   What a node holds is one bit: every write that any client was told of, or not.
   VARIANT 1: a primary that lost the other one's data goes on before that is on record. VARIANT 2: a node votes although
   what its former life proposed may have been led on. VARIANT 3: voters elect nodes that are out of date. VARIANT 4: while
   the wider record is proposed the primary still acknowledges alone. VARIANT 5: a node that leads or seeks the role votes.
   Each must break the assertion. */

#ifndef VARIANT
#define VARIANT 0
#endif

#define W 2              /* the witness as a voter; nodes 0 and 1 are voters as well */
#define BOTH 3           /* a set of nodes: bit 0 and bit 1 */
#define EPOCH_MAX 6
#define REVISION_MAX 3

mtype = { idle, seeking, leading };
mtype = { none, waiting, solo, both };

typedef Record { byte epoch; byte revision; byte holder; byte set };

Record record[3];        /* durable, of each voter */
Record proposal[2];      /* durable, of each node */
bit has_proposal[2];
bit is_inherited[2];     /* the proposal is a former life's */
Record former[2];        /* what was accepted is on disk as a proposal, beside this, until the next write */
bit is_unwritten[2];
mtype role[2] = idle;
mtype mode[2] = none;    /* how the primary's provider acknowledges */
byte tenure[2];          /* the epoch that its provider leads */
byte fence[2];           /* durable: the newest epoch that its provider led or followed; older ones it refuses */
bit has_all[2] = 1;

#define only(n) (1 << (n))
#define is_member(n, v) ((record[v].set & only(n)) != 0)
#define newer(a, b) (a.epoch > b.epoch || (a.epoch == b.epoch && a.revision > b.revision))
#define same(a, b) (a.epoch == b.epoch && a.revision == b.revision && a.holder == b.holder)
#define is_revision(n, v) (record[v].epoch == proposal[n].epoch && record[v].holder == n)
#define may_elect(n, v) (VARIANT == 3 || is_revision(n, v) || is_member(n, v))
#define is_followed(n, o) (role[o] == idle && fence[o] <= tenure[n])

inline copy(to, from) {
  to.epoch = from.epoch; to.revision = from.revision; to.holder = from.holder; to.set = from.set
}

inline written(n) {
  is_unwritten[n] = 0;
  former[n].epoch = 0; former[n].revision = 0; former[n].holder = 0; former[n].set = 0
}

inline forget(n) {
  has_proposal[n] = 0; is_inherited[n] = 0;
  proposal[n].epoch = 0; proposal[n].revision = 0; proposal[n].holder = 0; proposal[n].set = 0
}

inline let_go(n) {
  role[n] = idle; mode[n] = none; tenure[n] = 0
}

inline propose(n, number_, members) {
  proposal[n].epoch = number_; proposal[n].revision = 0; proposal[n].holder = n; proposal[n].set = members;
  has_proposal[n] = 1; is_inherited[n] = 0; written(n)
}

/* A revision counts from the newest wish, which the other voters may have taken already. */
inline revise(n, members) {
  if
  :: has_proposal[n] && newer(proposal[n], record[n]) -> proposal[n].revision++
  :: else -> proposal[n].epoch = record[n].epoch; proposal[n].revision = record[n].revision + 1
  fi;
  proposal[n].holder = n; proposal[n].set = members;
  has_proposal[n] = 1; is_inherited[n] = 0; written(n)
}

#define can_revise(n) (record[n].revision < REVISION_MAX && (!has_proposal[n] || proposal[n].revision < REVISION_MAX))
#define leads(n) (role[n] == leading && record[n].holder == n && record[n].epoch >= tenure[n])

/* A second voter has it. */
inline accept(n) {
  copy(former[n], record[n]); is_unwritten[n] = 1;
  copy(record[n], proposal[n]);
  forget(n);
  if
  :: role[n] == seeking -> role[n] = leading; mode[n] = solo; tenure[n] = record[n].epoch; fence[n] = record[n].epoch
  :: role[n] == leading && mode[n] == waiting && record[n].set == only(n) -> mode[n] = solo
  :: else
  fi
}

proctype Node(byte me) {
  byte other = 1 - me;
  byte number;
  do
  /* Seeks the role. What a former life proposed is outbid, not forgotten, by the higher number. */
  :: atomic { role[me] == idle && is_member(me, me) && record[me].epoch < EPOCH_MAX - 1 &&
              (!has_proposal[me] || proposal[me].epoch < EPOCH_MAX - 1) ->
       number = record[me].epoch;
       if
       :: has_proposal[me] && proposal[me].epoch > number -> number = proposal[me].epoch
       :: else
       fi;
       number++;
       if
       :: (number % 2) != me -> number++
       :: else
       fi;
       if
       :: number <= EPOCH_MAX && !is_inherited[me] -> propose(me, number, only(me)); role[me] = seeking
       :: else
       fi;
       number = 0 }
  /* What a former life proposed is asked for: it is on record, or nobody else took it and nobody will. */
  :: atomic { role[me] == idle && is_inherited[me] && (same(proposal[me], record[W]) || same(proposal[me], record[other])) ->
       copy(record[me], proposal[me]); forget(me); written(me) }
  :: atomic { role[me] == idle && is_inherited[me] && !same(proposal[me], record[W]) && !newer(proposal[me], record[W]) ->
       forget(me) }
  :: atomic { role[me] == idle && is_inherited[me] && newer(proposal[me], record[W]) && may_elect(me, W) ->
       copy(record[W], proposal[me]) }
  /* Votes for what the other one proposes. */
  :: atomic { has_proposal[other] && (role[me] == idle || VARIANT == 5) && newer(proposal[other], record[me]) &&
              (!has_proposal[me] || VARIANT == 5 ||
               ((!is_inherited[me] || VARIANT == 2) && proposal[other].epoch > proposal[me].epoch)) &&
              may_elect(other, me) ->
       copy(record[me], proposal[other]); written(me); if :: VARIANT != 5 -> forget(me) :: else fi }
  /* Hears of the vote. */
  :: atomic { role[me] != idle && has_proposal[me] && (same(proposal[me], record[W]) || same(proposal[me], record[other])) ->
       accept(me) }
  /* Takes over a newer record, from either. */
  :: atomic { role[me] == idle && newer(record[W], record[me]) -> copy(record[me], record[W]); written(me);
       if :: has_proposal[me] && newer(record[me], proposal[me]) -> forget(me) :: else fi }
  :: atomic { role[me] == idle && newer(record[other], record[me]) -> copy(record[me], record[other]); written(me);
       if :: has_proposal[me] && newer(record[me], proposal[me]) -> forget(me) :: else fi }
  /* Gives up, or is stopped, or hears that it was superseded. */
  :: atomic { role[me] != idle -> let_go(me) }
  /* Its agent crashes and comes back. */
  :: atomic { let_go(me);
       if
       :: is_unwritten[me] && !has_proposal[me] ->
            copy(proposal[me], record[me]); copy(record[me], former[me]); has_proposal[me] = 1
       :: else
       fi;
       written(me); is_inherited[me] = has_proposal[me] }
  :: atomic { is_unwritten[me] -> written(me) }
  /* The other one follows, gets a copy, and every write needs both from then on. */
  :: atomic { leads(me) && mode[me] == solo && is_followed(me, other) && can_revise(me) && has_all[me] ->
       fence[other] = tenure[me]; has_all[other] = 1;
       mode[me] = (VARIANT == 4 -> solo : both);
       revise(me, BOTH) }
  /* The connection of the data breaks, and comes back in time. */
  :: atomic { mode[me] == both ->
       if
       :: VARIANT == 1 || (!has_proposal[me] && record[me].set == only(me)) -> mode[me] = solo
       :: else -> mode[me] = waiting
       fi }
  :: atomic { mode[me] == waiting && is_followed(me, other) && has_all[other] ->
       fence[other] = tenure[me]; mode[me] = both }
  /* It does not: the other one goes off the record first. */
  :: atomic { leads(me) && mode[me] == waiting && can_revise(me) &&
              (has_proposal[me] -> proposal[me].set != only(me) : record[me].set != only(me)) ->
       revise(me, only(me)) }
  /* A client is told that its write is safe. */
  :: atomic { mode[me] == solo -> assert(has_all[me]); has_all[other] = 0 }
  :: atomic { mode[me] == both && is_followed(me, other) -> assert(has_all[me] && has_all[other]) }
  od
}

proctype Witness() {
  byte n;
  do
  :: n = 0
  :: n = 1
  :: atomic { has_proposal[n] && role[n] != idle && newer(proposal[n], record[W]) && may_elect(n, W) ->
       copy(record[W], proposal[n]) }
  od
}

init {
  atomic {
    byte v;
    for (v : 0 .. 2) { record[v].epoch = 1; record[v].holder = 0; record[v].set = BOTH }
    run Node(0); run Node(1); run Witness()
  }
}
