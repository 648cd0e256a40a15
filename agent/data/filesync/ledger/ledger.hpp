#pragma once
// Ledger: what the primary's engine may acknowledge, and to whom it streams. The operations that are under way, what
// the replica has confirmed, and the replies that wait for either. Decides, and does nothing.
//
// No I/O, clock, thread or lock: one caller at a time, who carries an Outcome out after each call and who numbers and
// sends operations in the order of append(). Rules: docs/data-safety.md ("A write is acknowledged").
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/data/filesync/wire/operation.hpp"

namespace clusteragent::filesync {

enum class Mode : std::uint8_t {
  waiting,  // the replica may be up to date and is not reached: nothing is acknowledged
  solo,     // the replica is on record as out of date: acknowledged when it is here
  copying,  // as solo; the replica is being brought up to date
  both,     // acknowledged when it is at the replica as well
};

/// A reply that the application waits for.
struct Waiter {
  std::uint64_t request = 0;             // FUSE's number of it
  std::optional<std::uint32_t> written;  // what a write says; nothing: the reply is empty
  VolumeNumber volume = 0;               // whose request it is
  friend bool operator==(const Waiter&, const Waiter&) = default;
};

/// Up to where the stream had come when something was done; of one connection.
struct Mark {
  std::uint64_t connection = 0;
  Sequence sequence{};
};

struct Outcome {
  std::vector<Waiter> released;  // reply now
  bool is_synced = false;        // say ProviderSynced: the replica has everything on its disk
  bool is_behind = false;        // say ProviderBehind: the replica is lost, replies wait
};

class Ledger {
 public:
  explicit Ledger(bool is_solo) : mode_{is_solo ? Mode::solo : Mode::waiting} {}

  Mode mode() const { return mode_; }
  bool is_streaming() const { return mode_ == Mode::copying || mode_ == Mode::both; }
  /// A copy makes the replica inconsistent until it ends: not before the replica is on record as out of date.
  bool may_begin_copy() const { return mode_ == Mode::solo; }
  Mark mark() const { return {connection_, last_}; }
  bool has_unconfirmed() const { return is_streaming() && confirmed_ < last_; }
  std::size_t waiting() const { return waiters_.size(); }

  /// A connection to the replica stands; the numbers begin anew.
  void begin_copy();
  /// The number of the next operation of the stream; only while is_streaming().
  Sequence append();
  /// All that the copy had to send ends with this one.
  void end_copy(Sequence copy_end) { copy_end_ = copy_end; }

  /// What was done here up to `needed` is to be acknowledged. True: at once. False: the waiter is kept until an Outcome
  /// releases it.
  bool may_reply(const Waiter& waiter, Mark needed);

  Outcome confirmed(Sequence applied);
  /// The replica answers copy_end; an answer to an older one says nothing. From now on replies wait for it; synced is
  /// said, now or by confirmed(), once it has all that was acknowledged without it.
  Outcome copied(Sequence copy_end);
  /// Before synced was said the record is as it was, and this node goes on alone.
  Outcome lost();
  /// The narrow set is on record.
  Outcome allow_solo();
  /// Not leading any more: their replies are errors.
  std::vector<Waiter> abandon();

 private:
  std::vector<Waiter> release_all();
  bool became_synced();

  Mode mode_;
  std::uint64_t connection_ = 0;
  Sequence last_;
  Sequence confirmed_;
  std::optional<Sequence> copy_end_;
  // The copy has ended; the replica is on record as out of date until it has this as well: what came behind the end of
  // the copy was acknowledged without it.
  std::optional<Sequence> synced_at_;
  std::multimap<Sequence, Waiter> waiters_;
};

}  // namespace clusteragent::filesync
