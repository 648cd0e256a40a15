/* Two votes of three (docs/witness.md), for exhaustive checking by spin: two data nodes and a witness, every message lost
   or late at will, crashes of agents, restarts and reboots of the witness.

   Time is left out: of leases only the order counts that the margin rule guarantees. A holder's permit has ended before
   the voter's promise does (it counts from asking, the voter from granting), so a promise ends here only once its holder
   no longer counts on it, and a grant that arrives after its promise has ended is worth nothing.

   What answers for the virtual IP is the kernel, by the permit; an agent that crashes leaves it until it ends.
   VARIANT 1: the witness votes although it has promised. VARIANT 2: a rebooted witness is not silent.
   VARIANT 3: a secondary seeks the role while its own promise lives. VARIANT 4: a new life of a primary's agent promises
   while the kernel still answers. VARIANT 5: a node that seeks the role itself promises. Each must break the assertion. */

#ifndef VARIANT
#define VARIANT 0
#endif

#define NODES 2
#define W 2       /* the witness as a voter; nodes 0 and 1 are voters as well */
#define NOBODY 3
#define EPOCH_MAX 7

mtype = { idle, seeking, primary };

mtype role[NODES] = idle;
byte epoch[NODES] = 0;       /* durable at the node */
bit elected[NODES];          /* its agent knows of a second vote */

/* promise[v]: to whom voter v has promised the role. counted[h*3+v]: h's kernel counts on it. late[h*3+v]: a grant is on
   its way from v to h. */
byte promise[3] = NOBODY;
bit counted[6];
bit late[6];

byte witness_epoch = 0;      /* durable: its newest record, and with it its vote */
byte witness_holder = NOBODY;
bit witness_up = 1;
bit witness_silent = 0;      /* rebooted, one lease has not passed */

#define index(h, v) ((h) * 3 + (v))
#define permit(h) (counted[index(h, 0)] || counted[index(h, 1)] || counted[index(h, 2)])
#define single assert(!(permit(0) && permit(1)))

inline grant(h, v) {
  promise[v] = h;
  late[index(h, v)] = 1
}

/* The holder learns of a grant that is still good. */
inline learn(h, v) {
  late[index(h, v)] = 0;
  counted[index(h, v)] = 1;
  elected[h] = 1;
  single
}

inline next_epoch(h, known) {
  epoch[h] = known + 1;
  if
  :: (epoch[h] % 2) != h -> epoch[h]++
  :: else
  fi
}

proctype Node(byte me) {
  byte other = 1 - me;
  byte known;
  do
  /* Seeks the role: only when its own promise to the other one has ended. */
  :: atomic { role[me] == idle && (VARIANT == 3 || promise[me] != other) &&
              epoch[0] < EPOCH_MAX && epoch[1] < EPOCH_MAX ->
       known = epoch[me];
       if
       :: epoch[other] > known -> known = epoch[other]  /* heard */
       :: witness_epoch > known -> known = witness_epoch
       :: skip
       fi;
       next_epoch(me, known);
       role[me] = seeking; known = 0 }
  /* Gives up seeking. */
  :: atomic { role[me] == seeking && !permit(me) -> role[me] = idle; elected[me] = 0; late[index(me, other)] = 0 }
  /* Is elected. */
  :: atomic { role[me] == seeking && elected[me] && permit(me) -> role[me] = primary }
  /* Lost its quorum: lets go. */
  :: atomic { role[me] == primary && !permit(me) -> role[me] = idle; elected[me] = 0 }
  /* Hands the role over: the permit goes first, then whoever hears it is free of its promise. */
  :: atomic { role[me] == primary ->
       counted[index(me, 0)] = 0; counted[index(me, 1)] = 0; counted[index(me, 2)] = 0;
       late[index(me, other)] = 0; late[index(me, W)] = 0;
       role[me] = idle; elected[me] = 0;
       if
       :: promise[other] == me -> promise[other] = NOBODY
       :: skip
       fi;
       if
       :: promise[W] == me -> promise[W] = NOBODY
       :: skip
       fi }
  /* The other one, heard seeking or leading, is promised to be left alone: not while this one seeks or leads, and not
     while its kernel still has the permit of a former life (VARIANT 4). */
  :: atomic { (role[me] == idle || VARIANT == 5) && (VARIANT == 4 || !permit(me)) && role[other] != idle -> grant(other, me) }
  /* Grants arrive, or what they promised has ended meanwhile. */
  :: atomic { late[index(me, other)] && promise[other] == me && role[me] != idle -> learn(me, other) }
  :: atomic { late[index(me, W)] && promise[W] == me && role[me] != idle -> learn(me, W) }
  /* The permit ends unless renewed. */
  :: atomic { counted[index(me, other)] -> counted[index(me, other)] = 0 }
  :: atomic { counted[index(me, W)] -> counted[index(me, W)] = 0 }
  /* Its agent crashes and comes back; its kernel goes on until the permit ends. A promise that it gave is kept: a new
     life listens for a whole timeout first. */
  :: atomic { role[me] = idle; elected[me] = 0; late[index(me, other)] = 0; late[index(me, W)] = 0 }
  /* Its own promise ends, one lease after it was given. */
  :: atomic { promise[me] == other && !counted[index(other, me)] ->
       promise[me] = NOBODY; late[index(other, me)] = 0 }
  od
}

proctype Witness() {
  byte h;
  do
  :: h = 0
  :: h = 1
  /* A vote, once an epoch. */
  :: atomic { witness_up && !witness_silent && role[h] == seeking && epoch[h] > witness_epoch &&
              (VARIANT == 1 || promise[W] == NOBODY || promise[W] == h) ->
       witness_epoch = epoch[h]; witness_holder = h; grant(h, W) }
  /* A renewal, to the holder of its newest record, or of a newer one that the nodes agreed on. */
  :: atomic { witness_up && !witness_silent && role[h] == primary && epoch[h] >= witness_epoch &&
              (epoch[h] > witness_epoch || witness_holder == h) && (promise[W] == NOBODY || promise[W] == h) ->
       witness_epoch = epoch[h]; witness_holder = h; grant(h, W) }
  /* The promise ends. */
  :: atomic { promise[W] != NOBODY && !counted[index(promise[W], W)] ->
       late[index(promise[W], W)] = 0; promise[W] = NOBODY }
  /* The process restarts: record and promise stay. */
  :: witness_up -> witness_up = 0
  :: !witness_up -> witness_up = 1
  /* The machine reboots: the promise is forgotten, and it is silent until one lease has passed. */
  :: atomic { promise[W] = NOBODY; witness_silent = (VARIANT != 2); witness_up = 1 }
  :: atomic { witness_silent && !counted[index(0, W)] && !counted[index(1, W)] ->
       witness_silent = 0; late[index(0, W)] = 0; late[index(1, W)] = 0 }
  od
}

init {
  atomic { run Node(0); run Node(1); run Witness() }
}
