// The primary's side: the order of operations, the connection, the copy, and the replies that the Ledger lets go.
#include <algorithm>
#include <utility>

#include "tests/simulation/mirror.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

using filesync::Mode;
using filesync::Op;

constexpr Span wire{microseconds{50}, microseconds{300}};
constexpr std::uint32_t half = chance_always / 2;

Op op_of(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::write:
      return Op::write;
    case Change::Kind::create:
      return Op::create;
    case Change::Kind::rename:
      return Op::rename;
  }
  return Op::write;
}

}  // namespace

void Mirror::change(const Change& change) {
  if (role_ != Role::primary || is_full_) {
    return;
  }
  world_.history().record(change, disk_.tree());
  disk_.apply(change);
  Frame frame{.op = op_of(change.kind), .change = change};
  if (world_.variant() == Variant::names_out_of_order && change.kind == Change::Kind::rename) {
    later(Duration{0}, [this, frame] { send(frame); });
    return;
  }
  send(std::move(frame));
}

void Mirror::sync(std::optional<std::uint64_t> file) {
  if (role_ != Role::primary) {
    return;
  }
  if (world_.setup().data.acknowledges_on_disk) {
    send({.op = Op::sync, .file = file.value_or(0)});
  }
  const filesync::Mark needed = ledger_.mark();
  const std::uint64_t request = ++last_request_;
  promises_.emplace(request, Assurance{file, disk_.tree()});
  later(prng_.within(world_.setup().data.sync), [this, request, needed] { finish_sync(request, needed); });
}

void Mirror::finish_sync(std::uint64_t request, filesync::Mark needed) {
  const auto promise = promises_.find(request);
  if (promise == promises_.end()) {
    return;
  }
  promise->second.file ? disk_.sync_file(*promise->second.file) : disk_.sync_names();
  const bool is_confirmed = ledger_.mode() == Mode::both;
  const bool is_unasked = world_.variant() == Variant::unconfirmed_replies;
  if (is_unasked || ledger_.may_reply({request, {}}, needed)) {
    acknowledge(request, is_confirmed ? DataFact::reply_confirmed : DataFact::reply_alone);
  }
}

void Mirror::acknowledge(std::uint64_t request, DataFact how) {
  const auto promise = promises_.extract(request);
  const Kernel& kernel = world_.host(self_).kernel();
  // The reply has to reach a client.
  if (promise.empty() || kernel.is_stalled || !kernel.has_live_permit(world_.now())) {
    return;
  }
  tell(how, request);
  world_.tell([&](Observer& observer) { observer.on_acknowledged(world_, self_, epoch_, promise.mapped()); });
}

void Mirror::abandon_promises() {
  if (ledger_.mode() == Mode::copying) {
    tell(DataFact::copy_interrupted);
  }
  for (const filesync::Waiter& waiter : ledger_.abandon()) {
    tell(DataFact::reply_abandoned, waiter.request);
  }
  promises_.clear();
}

void Mirror::carry_out(const filesync::Outcome& outcome, DataFact released_by) {
  for (const filesync::Waiter& waiter : outcome.released) {
    acknowledge(waiter.request, released_by);
  }
  if (outcome.is_synced) {
    tell(DataFact::copy_ended);
    post(core::ProviderSynced{epoch_});
  }
}

void Mirror::allow_solo(const core::AllowSolo&) {
  if (role_ == Role::primary) {
    carry_out(ledger_.allow_solo(), DataFact::reply_by_allow_solo);
  }
}

void Mirror::look_as_primary() {
  if (connection_ != 0) {
    const bool is_closed = is_reachable() && other().connection_ != connection_;
    if (is_closed || is_silent_too_long()) {
      connection_lost(is_closed ? "the other side closed it" : "silence");
      return;
    }
    plan_arrival();
    return;
  }
  const bool is_copied_early = world_.variant() == Variant::copy_without_record && ledger_.mode() == Mode::waiting;
  if (!ledger_.may_begin_copy() && !is_copied_early) {
    return;
  }
  if (world_.now() >= retry_at_ && is_reachable() && other().accepts(epoch_)) {
    if (is_copied_early) {
      abandon_promises();
      ledger_ = filesync::Ledger{true};
    }
    connect();
  }
}

void Mirror::connect() {
  connection_ = world_.next_connection();
  silent_since_.reset();
  other().accept(connection_);
  begin_copy();
}

void Mirror::connection_lost(const std::string& reason) {
  world_.trace().line(world_.now(), letter_of(self_), {connection_},
                      [&] { return fmt::format("** data: connection lost: {}", reason); });
  // What was sent may still arrive.
  if (prng_.chance(half)) arrive();
  outgoing_.clear();
  connection_ = 0;
  to_compare_.clear();
  retry_at_ = world_.now() + prng_.within(world_.setup().data.retry);
  if (ledger_.mode() == Mode::copying) {
    tell(DataFact::copy_interrupted);
  }
  const filesync::Outcome outcome = ledger_.lost();
  carry_out(outcome, DataFact::reply_alone);
  if (world_.variant() == Variant::solo_without_record) {
    carry_out(ledger_.allow_solo(), DataFact::reply_by_allow_solo);
  }
  if (outcome.is_behind) {
    post(core::ProviderBehind{epoch_, reason});
  }
}

/// Numbered where the operation was done: nothing comes between.
void Mirror::send(Frame frame) {
  if (!ledger_.is_streaming() || connection_ == 0) {
    return;
  }
  frame.sequence = ledger_.append();
  frame.state = disk_.tree();
  outgoing_.push_back(std::move(frame));
  plan_arrival();
}

void Mirror::plan_arrival() {
  if (!is_arrival_planned_ && !outgoing_.empty() && is_reachable()) {
    is_arrival_planned_ = true;
    later(prng_.within(wire), [this] {
      is_arrival_planned_ = false;
      arrive();
    });
  }
}

void Mirror::arrive() {
  if (connection_ == 0 || outgoing_.empty() || !is_reachable() || other().connection_ != connection_) {
    return;
  }
  const bool is_cut = !world_.is_healing() && prng_.chance(world_.setup().data.cut_ppm);
  const auto arriving = static_cast<std::ptrdiff_t>(is_cut ? prng_.below(outgoing_.size()) : outgoing_.size());
  other().received_.insert(other().received_.end(), outgoing_.begin(), outgoing_.begin() + arriving);
  other().plan_apply();
  outgoing_.clear();
  if (is_cut) {
    other().replica_lost();
  }
}

void Mirror::begin_copy() {
  ledger_.begin_copy();
  tell(DataFact::copy_begun);
  if (world_.variant() == Variant::synced_too_early) {
    post(core::ProviderSynced{epoch_});
  }
  send({.op = Op::manifest_begin});
  send({.op = Op::manifest_end});
  to_compare_.clear();
  for (const Entry& entry : disk_.tree().entries) {
    if (entry.file != 0) to_compare_.push_back(entry.file);
  }
  asked_ = 0;
  is_copy_told_ = false;
  compare_next();
}

void Mirror::compare_next() {
  later(prng_.within(world_.setup().data.compare), [this, connection = connection_] {
    if (connection != connection_ || ledger_.mode() != Mode::copying || is_copy_told_) {
      return;
    }
    if (to_compare_.empty()) {
      end_copy_if_compared();
      return;
    }
    const Entry* entry = disk_.tree().find(to_compare_.front());
    to_compare_.pop_front();
    if (entry != nullptr) {
      asked_++;
      send({.op = Op::hashes, .file = entry->file, .blocks = entry->blocks});
    }
    compare_next();
  });
}

void Mirror::end_copy_if_compared() {
  if (!to_compare_.empty() || asked_ > 0 || is_copy_told_ || ledger_.mode() != Mode::copying) {
    return;
  }
  is_copy_told_ = true;
  send({.op = Op::copy_end});
  ledger_.end_copy(ledger_.mark().sequence);
}

/// Read again: what changed since the hash was taken goes at this later place.
void Mirror::send_differing(const Answer& answer) {
  const Entry* entry = disk_.tree().find(answer.file);
  for (std::size_t block = 0; entry != nullptr && block < file_blocks; block++) {
    if (answer.differs[block]) {
      send({.op = Op::write, .change = {.id = entry->blocks[block], .file = answer.file, .block = block}});
    }
  }
  asked_ -= asked_ > 0 ? 1 : 0;
  end_copy_if_compared();
}

void Mirror::take(const Answer& answer) {
  switch (answer.op) {
    case Op::ack:
      carry_out(ledger_.confirmed(answer.sequence), DataFact::reply_confirmed);
      break;
    case Op::copied:
      carry_out(ledger_.copied(answer.sequence), DataFact::reply_confirmed);
      break;
    case Op::differs:
      send_differing(answer);
      break;
    default:
      connection_lost("the other side cannot write");
      break;
  }
}

}  // namespace clusteragent::simulation
