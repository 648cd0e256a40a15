#include "agent/data/filesync/stream/leader.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/assert.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/copier.hpp"
#include "agent/data/filesync/stream/retry_pause.hpp"
#include "agent/data/filesync/stream/survey.hpp"
#include "agent/data/filesync/stream/verifier.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// A primary that stops waits no longer for the other node's disk: what it does not hear of is compared later.
constexpr std::chrono::seconds settle_limit{3};

}  // namespace

Leader::Leader(LeaderOptions options, std::vector<Directory> directories, std::uint64_t epoch, bool is_solo,
               Marks known, LeaderEvents events)
    : options_{std::move(options)},
      directories_{std::move(directories)},
      epoch_{epoch},
      events_{std::move(events)},
      ledger_{is_solo} {
  regions_.add(std::move(known));
}

Leader::~Leader() {
  stop();
}

void Leader::start() {
  thread_ = std::thread{[this] { serve(); }};
}

void Leader::stop() {
  std::vector<Waiter> left;
  {
    const std::lock_guard lock{mutex_};
    is_stopping_ = true;
    left = ledger_.abandon();
    if (connection_) connection_->close("this node is not primary any more");
  }
  changed_.notify_all();
  for (const Waiter& waiter : left) events_.answer(waiter, EIO);
  if (thread_.joinable()) thread_.join();
}

void Leader::announce(const Head& head, std::span<const std::byte> payload) {
  if (options_.journal) options_.journal->announce(touched_by(head, payload));
}

void Leader::record(Head head, std::span<const std::byte> payload) {
  append(head, payload, true);
}

void Leader::doubt(FileId file) {
  if (options_.journal) options_.journal->keep(file);
  const std::lock_guard lock{mutex_};
  regions_.doubt(file);
  if (survey_ != nullptr) survey_->saw(file);
}

void Leader::watch(Survey* survey) {
  const std::lock_guard lock{mutex_};
  survey_ = survey;
}

void Leader::append(Head head, std::span<const std::byte> payload, bool is_change) {
  const std::shared_ptr<Channel> to = channel();
  // A change that was not announced would be forgotten by a crash.
  CLUSTERAGENT_ASSERT(!is_change || !options_.journal || options_.journal->has(touched_by(head, payload)));
  if (to) to->wait_for_room();
  const std::lock_guard lock{mutex_};
  if (is_change) regions_.mark(head, payload);
  if (is_change && survey_ != nullptr) survey_->saw(head, payload);
  if (options_.journal && head.op == Op::create) options_.journal->made(head.file);
  if (!to) return;
  if (!ledger_.is_streaming() || channel_ != to) return;
  head.sequence = ledger_.append();
  to->append(head, payload);
  // What changes something is flushed or passed on by who changed it.
  if (!is_change) to->hurry();
}

std::shared_ptr<Channel> Leader::channel() {
  const std::lock_guard lock{mutex_};
  return channel_;
}

void Leader::flush() {
  if (const auto to = channel()) to->flush();
}

void Leader::pass() {
  if (const auto to = channel()) to->pass();
}

Mark Leader::mark() {
  const std::lock_guard lock{mutex_};
  return ledger_.mark();
}

bool Leader::may_reply(const Waiter& waiter, Mark needed) {
  {
    const std::lock_guard lock{mutex_};
    if (!has_given_up_) return ledger_.may_reply(waiter, needed);
  }
  events_.answer(waiter, EIO);
  return false;
}

void Leader::give_up() {
  std::vector<Waiter> left;
  {
    const std::lock_guard lock{mutex_};
    has_given_up_ = true;
    left = ledger_.abandon();
  }
  for (const Waiter& waiter : left) events_.answer(waiter, EIO);
}

void Leader::set_channel(ChannelOptions channel) {
  const std::lock_guard lock{mutex_};
  options_.channel = std::move(channel);
}

void Leader::allow_solo() {
  Outcome outcome;
  {
    const std::lock_guard lock{mutex_};
    outcome = ledger_.allow_solo();
  }
  changed_.notify_all();
  carry_out(outcome);
}

bool Leader::drain(Duration limit) {
  tell_times();
  {
    std::unique_lock lock{mutex_};
    if (ledger_.mode() != Mode::both) return true;
    const bool is_done = changed_.wait_for(lock, limit, [this] { return !ledger_.has_unconfirmed(); });
    if (!is_done || ledger_.mode() != Mode::both) return false;
  }
  settle();
  return true;
}

Mode Leader::mode() {
  const std::lock_guard lock{mutex_};
  return ledger_.mode();
}

CopyProgress Leader::progress() {
  const std::lock_guard lock{mutex_};
  return progress_;
}

void Leader::carry_out(const Outcome& outcome) {
  for (const Waiter& waiter : outcome.released) events_.answer(waiter, 0);
  if (outcome.is_synced) events_.synced();
}

void Leader::serve() {
  RetryPause pause;
  for (;;) {
    auto end = RetryPause::End::broken_off;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return is_stopping_ || ledger_.may_begin_copy(); });
      if (is_stopping_) return;
    }
    if (const auto channel = connect()) {
      const std::string reason = serve_connection(channel);
      Outcome outcome;
      bool was_streaming = false;
      {
        const std::lock_guard lock{mutex_};
        was_streaming = ledger_.is_streaming();
        if (ledger_.mode() == Mode::both) end = RetryPause::End::up_to_date;
        outcome = ledger_.lost();
        regions_.lost();
        channel_.reset();
        connection_.reset();
        for (const NodeRef& node : touched_) node->has_new_times = false;
        touched_.clear();
        if (is_stopping_) return;
      }
      carry_out(outcome);
      if (outcome.is_behind) events_.behind(reason);
      if (was_streaming) events_.note('E', fmt::format("the other node is not reached any more: {}", reason));
      if (std::exchange(has_replica_failed_, false)) end = RetryPause::End::failed;
    }
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, pause.after(end), [this] { return is_stopping_.load(); });
  }
}

std::shared_ptr<Channel> Leader::connect() {
  ChannelOptions how;
  {
    const std::lock_guard lock{mutex_};
    how = options_.channel;
  }
  how.is_cancelled = &is_stopping_;
  for (std::size_t at = 0; at < options_.own_addresses.size() && !is_stopping_; ++at) {
    auto made = Channel::connect(options_.own_addresses[at], options_.peer_addresses[at], options_.port, how);
    if (!made) continue;
    std::shared_ptr<Channel> channel = std::move(*made);
    const Packer hello =
        pack(Hello{protocol_version, options_.module, options_.node, epoch_, options_.standing, options_.directories});
    channel->send({.op = Op::hello}, hello.bytes());
    return channel;
  }
  return nullptr;
}

std::string Leader::serve_connection(const std::shared_ptr<Channel>& channel) {
  {
    const std::lock_guard lock{mutex_};
    if (is_stopping_) return "this node is not primary any more";
    connection_ = channel;
  }
  Copier copier{*this};
  std::thread copying;
  const auto on_frame = [&](const Head& head, std::span<const std::byte> payload) {
    if (head.op == Op::welcome && !copying.joinable()) {
      const auto welcome = unpack_hello(payload);
      if (!welcome) return channel->close("the other node breaks the protocol");
      copying = std::thread{[&copier, this, channel, standing = welcome->standing] {
        const std::string failure = copier.run([this, channel, &standing] { return begin_copy(channel, standing); });
        if (!failure.empty()) channel->close(failure);
      }};
      return;
    }
    take(head, payload, *channel, copier);
  };
  const std::string reason = channel->run(on_frame, [&] { check_progress(*channel); });
  copier.abandon();
  end_verification(is_stopping_ ? "this node is not primary any more" : "the other node is not reached: " + reason);
  if (copying.joinable()) copying.join();
  return reason;
}

const Marks* Leader::begin_copy(const std::shared_ptr<Channel>& channel, const Standing& replica) {
  const std::lock_guard lock{mutex_};
  if (is_stopping_ || !ledger_.may_begin_copy()) return nullptr;
  ledger_.begin_copy();
  channel_ = channel;
  progress_ = {};
  moved_ = platform::boottime_now();
  last_refusal_.clear();
  return &regions_.begin_copy(is_difference_known(options_.standing, replica));
}

void Leader::checkpoint() {
  {
    const std::lock_guard lock{mutex_};
    if (!ledger_.is_streaming() || !regions_.may_checkpoint()) return;
  }
  std::uint64_t generation = 0;
  {
    const auto alone = gate.alone();
    const std::lock_guard lock{mutex_};
    if (!ledger_.is_streaming() || !channel_ || !regions_.may_checkpoint()) return;
    const Sequence here = ledger_.append();
    regions_.checkpoint(here);
    if (options_.journal) asked_generation_ = generation = options_.journal->next_generation();
    channel_->send({.op = Op::checkpoint, .sequence = here}, {});
  }
  if (!options_.journal || !options_.journal->is_crowded() || !write_to_disk()) return;
  const std::lock_guard lock{mutex_};
  synced_generation_ = generation;
  drop_entries();
}

bool Leader::write_to_disk() const {
  return std::all_of(directories_.begin(), directories_.end(),
                     [](const Directory& each) { return ::syncfs(each.root) == 0; });
}

void Leader::drop_entries() {
  if (options_.journal) options_.journal->drop_before(std::min(synced_generation_, durable_generation_));
}

void Leader::settle() {
  const Instant until = platform::boottime_now() + settle_limit;
  for (;;) {
    checkpoint();
    std::unique_lock lock{mutex_};
    const auto is_answered = [this] { return ledger_.mode() != Mode::both || !regions_.has_checkpoint(); };
    if (!changed_.wait_for(lock, until - platform::boottime_now(), is_answered)) return;
    if (regions_.is_empty()) break;
    if (ledger_.mode() != Mode::both || !regions_.may_checkpoint()) return;
  }
  // An entry too many is compared needlessly, and no more.
  if (options_.journal && write_to_disk() && !options_.journal->has_failed())
    static_cast<void>(options_.journal->begin({}));
}

void Leader::end_copy() {
  std::shared_ptr<Channel> channel;
  const std::lock_guard lock{mutex_};
  if (!ledger_.is_streaming() || !channel_) return;
  const Sequence last = ledger_.append();
  ledger_.end_copy(last);
  channel_->send({.op = Op::copy_end, .sequence = last}, {});
}

void Leader::take(const Head& head, std::span<const std::byte> payload, Channel& channel, Copier& copier) {
  const std::string text{reinterpret_cast<const char*>(payload.data()), payload.size()};
  Outcome outcome;
  switch (head.op) {
    case Op::ack: {
      const std::lock_guard lock{mutex_};
      moved_ = platform::boottime_now();
      outcome = ledger_.confirmed(head.sequence);
      break;
    }
    case Op::copied: {
      const std::lock_guard lock{mutex_};
      outcome = ledger_.copied(head.sequence);
      may_verify_ = may_verify_ || outcome.is_synced;
      if (outcome.is_synced) regions_.copied();
      break;
    }
    case Op::durable: {
      const std::lock_guard lock{mutex_};
      if (regions_.durable(head.sequence)) durable_generation_ = asked_generation_;
      drop_entries();
      break;
    }
    case Op::adopted:
      if (!copier.adopted(head, payload)) channel.close("the other node breaks the protocol");
      return;
    case Op::differs:
      copier.answered(head, payload);
      return;
    case Op::verified:
      if (const auto verifier = current_verifier()) verifier->answered(head, payload);
      return;
    case Op::failure:
      has_replica_failed_ = true;
      channel.close("the other node cannot write: " + text);
      return;
    case Op::refusal:
      if (text != last_refusal_) events_.note('C', "the other node refuses the replication: " + text);
      last_refusal_ = text;
      channel.close(text);
      return;
    default:
      channel.close("the other node breaks the protocol");
      return;
  }
  changed_.notify_all();
  carry_out(outcome);
}

void Leader::check_progress(Channel& channel) {
  const std::lock_guard lock{mutex_};
  const Instant now = platform::boottime_now();
  if (!ledger_.has_unconfirmed()) moved_ = now;
  const Duration limit = ledger_.mode() == Mode::copying ? options_.copy_limit : options_.confirm_limit;
  if (now - moved_ > limit)
    channel.close(fmt::format("it confirms nothing for {} s", to_milliseconds(now - moved_) / 1000));
}

}  // namespace clusteragent::filesync
