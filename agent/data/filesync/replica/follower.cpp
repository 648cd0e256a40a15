#include "agent/data/filesync/replica/follower.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "agent/data/filesync/stream/retry_pause.hpp"
#include "agent/data/filesync/wire/psk.hpp"

namespace clusteragent::filesync {
namespace {

// Received and not applied; the primary's own queue and the network's buffers come on top.
constexpr std::size_t received_bytes_max = 64 * 1024 * 1024;
// An acknowledgement at least after so many operations of a long queue.
constexpr std::size_t operations_an_ack = 64;
// What is larger than that is done by another thread, while the next is received.
constexpr std::size_t quick_bytes_max = 64 * 1024;

}  // namespace

/// What a connection brings to this disk; one thread at a time.
struct Follower::Work {
  Work(Follower& follower, Channel& to)
      : channel{to},
        flusher{follower.directories_,
                [&follower, &to](Sequence sequence, int error) {
                  if (error != 0)
                    return follower.fail(to, fmt::format("cannot write to disk: {}", std::strerror(error)));
                  to.send({.op = Op::durable, .sequence = sequence}, {});
                }},
        applier{follower.directories_, follower.duties(to, flusher)} {}

  /// False: it was the last, the reason is in `problem`.
  bool apply(const Head& head, std::span<const std::byte> payload) {
    problem = applier.apply(head, payload);
    if (++unconfirmed >= operations_an_ack && problem.empty()) confirm();
    return problem.empty();
  }

  void confirm() {
    if (unconfirmed == 0 || !problem.empty()) return;
    unconfirmed = 0;
    channel.append({.op = Op::ack, .sequence = applier.applied()}, {});
    channel.flush();
  }

  Channel& channel;
  Flusher flusher;
  Applier applier;
  std::string problem;
  std::size_t unconfirmed = 0;
};

Follower::Follower(FollowerOptions options, std::vector<Directory> directories, std::uint64_t epoch,
                   FollowerEvents events)
    : options_{std::move(options)},
      directories_{std::move(directories)},
      epoch_{epoch},
      events_{std::move(events)},
      stop_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

Follower::~Follower() {
  stop();
}

Status Follower::start() {
  for (const std::string& address : options_.addresses) {
    auto listener = Channel::listen(address, options_.port);
    if (!listener) return listener.error();
    listeners_.push_back(std::move(*listener));
  }
  thread_ = std::thread{[this] { serve(); }};
  return success();
}

void Follower::stop() {
  is_stopping_ = true;
  ::eventfd_write(stop_.number(), 1);
  {
    const std::lock_guard lock{mutex_};
    if (const auto channel = channel_.lock()) channel->close("this node does not follow any more");
  }
  if (thread_.joinable()) thread_.join();
}

void Follower::set_channel(ChannelOptions channel) {
  const std::lock_guard lock{mutex_};
  options_.channel = std::move(channel);
}

void Follower::serve() {
  std::vector<pollfd> all;
  for (const platform::Fd& listener : listeners_) all.push_back({listener.number(), POLLIN, 0});
  all.push_back({stop_.number(), POLLIN, 0});
  while (!is_stopping_) {
    ::poll(all.data(), all.size(), -1);
    for (const pollfd& one : all) {
      if (is_stopping_ || one.fd == stop_.number() || (one.revents & POLLIN) == 0) continue;
      platform::Fd socket{::accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC)};
      if (socket) serve_connection(std::move(socket));
    }
  }
}

void Follower::serve_connection(platform::Fd socket) {
  prepare_socket(socket.number());
  ChannelOptions how;
  {
    const std::lock_guard lock{mutex_};
    how = options_.channel;
  }
  how.is_cancelled = &is_stopping_;
  auto accepted = Channel::accept(std::move(socket), how);
  if (!accepted) {
    events_.note('E', "somebody connected to the replication port and was turned away: " + accepted.error().message);
    return;
  }
  const std::shared_ptr<Channel> channel = std::move(*accepted);
  {
    const std::lock_guard lock{mutex_};
    channel_ = channel;
    is_over_ = is_greeted_ = false;
    unapplied_ = 0;
  }
  ending_turns_ = 0;
  if (is_stopping_) return;
  Work work{*this, *channel};
  work_ = &work;
  std::thread applying{[this, &channel] { apply_all(*channel); }};
  const std::string reason =
      channel->run([&](const Head& head, std::span<const std::byte> payload) { take(*channel, head, payload); },
                   [this, &channel] {
                     confirm();
                     // A turn later, what it was told has left.
                     if (ending_turns_ > 0 && --ending_turns_ == 0) channel->close("it was told why");
                   },
                   [this] { return has_room(); });
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  changed_.notify_all();
  applying.join();
  if (is_connected_.exchange(false)) events_.note('E', "the primary's stream ends: " + reason);
}

void Follower::refuse(Channel& channel, const std::string& reason) {
  channel.send({.op = Op::refusal}, std::as_bytes(std::span{reason}));
  ending_turns_ = 2;
  events_.note('C', "the replication of the other node is refused: " + reason);
}

void Follower::greet(Channel& channel, std::span<const std::byte> payload) {
  const auto hello = unpack_hello(payload);
  if (!hello) return channel.close("the other node breaks the protocol");
  if (hello->version != protocol_version) {
    return refuse(channel, fmt::format("it speaks version {} of the replication protocol, {} speaks {}; install the "
                                       "same release on both nodes",
                                       hello->version, options_.node, protocol_version));
  }
  if (hello->module != options_.module)
    return refuse(channel,
                  fmt::format("it mirrors module {}, {} follows {}", hello->module, options_.node, options_.module));
  if (hello->directories != options_.directories)
    return refuse(channel, fmt::format("it mirrors {}, {} follows {}: make <rfs> of the module the same on both nodes",
                                       hello->directories, options_.node, options_.directories));
  if (hello->epoch < epoch_)
    return refuse(channel,
                  fmt::format("its epoch {} is over, {} follows epoch {}", hello->epoch, options_.node, epoch_.load()));
  is_greeted_ = true;
  is_connected_ = true;
  history_ = hello->standing.history;
  const Packer welcome =
      pack(Hello{protocol_version, options_.module, options_.node, epoch_, events_.standing(), options_.directories});
  channel.send({.op = Op::welcome}, welcome.bytes());
}

bool Follower::has_room() {
  const std::lock_guard lock{mutex_};
  return queued_bytes_ < received_bytes_max;
}

void Follower::fail(Channel& channel, const std::string& problem) {
  bool is_new = false;
  {
    const std::lock_guard lock{mutex_};
    is_new = std::exchange(last_problem_, problem) != problem;
  }
  // One alarm for what every attempt meets again.
  if (is_new) {
    events_.note('C', fmt::format("cannot follow the primary: {}; look at the disk of {} on {}. It is tried again by "
                                  "itself, within {} s of its being mended",
                                  problem, options_.directories, options_.node,
                                  std::chrono::duration_cast<std::chrono::seconds>(RetryPause::failed_max).count()));
  }
  channel.send({.op = Op::failure}, std::as_bytes(std::span{problem}));
  ending_turns_ = 2;
  channel.wake();
}

ApplierDuties Follower::duties(Channel& channel, Flusher& flusher) {
  ApplierDuties duties;
  duties.set_consistent = [this](bool is_consistent) {
    if (is_consistent) {
      const std::lock_guard lock{mutex_};
      last_problem_.clear();
    }
    return events_.set_consistent(is_consistent);
  };
  duties.has_history_of_primary = [this] {
    const Standing own = events_.standing();
    return !own.has_led && own.history && own.history == history_;
  };
  duties.set_history_of_primary = [this](bool has) {
    return events_.set_standing(has ? Standing{false, history_, {}} : Standing{});
  };
  duties.own_marks = events_.own_marks;
  duties.answer = [&channel](const Head& head, std::span<const std::byte> payload) { channel.send(head, payload); };
  duties.salvage = options_.salvage.get();
  duties.flush = [&flusher](Sequence sequence) { flusher.ask(sequence); };
  return duties;
}

bool Follower::is_idle() {
  const std::lock_guard lock{mutex_};
  return unapplied_ == 0;
}

void Follower::take(Channel& channel, const Head& head, std::span<const std::byte> payload) {
  if (head.op == Op::hello && !is_greeted_) return greet(channel, payload);
  if (!is_greeted_) return channel.close("the other node breaks the protocol");
  const bool is_quick = (head.op == Op::write || head.op == Op::attributes) && payload.size() <= quick_bytes_max;
  if (is_idle()) {
    if (is_quick) return apply_here(channel, head, payload);
    // From now on the work is the other thread's.
    work_->confirm();
  }
  {
    const std::lock_guard lock{mutex_};
    frames_.push_back({head, {payload.begin(), payload.end()}});
    queued_bytes_ += head_bytes + payload.size();
    ++unapplied_;
  }
  changed_.notify_all();
}

void Follower::apply_here(Channel& channel, const Head& head, std::span<const std::byte> payload) {
  if (!work_->problem.empty()) return;
  is_applying_here_ = true;
  if (!work_->apply(head, payload)) fail(channel, work_->problem);
  is_applying_here_ = false;
}

void Follower::confirm() {
  if (is_idle()) work_->confirm();
}

std::deque<Follower::Frame> Follower::next_frames(Channel& channel) {
  std::unique_lock lock{mutex_};
  const auto has_news = [this] { return is_over_ || !frames_.empty(); };
  while (!changed_.wait_for(lock, options_.channel.silence_limit / 4, has_news)) {
    // The thread of the connection hangs on the disk: that is no silence.
    if (!is_applying_here_) continue;
    channel.append({.op = Op::ping}, {});
    channel.flush();
  }
  std::deque<Frame> taken;
  taken.swap(frames_);
  const bool was_full = queued_bytes_ >= received_bytes_max;
  queued_bytes_ = 0;
  if (was_full) channel.wake();
  return taken;
}

void Follower::apply_all(Channel& channel) {
  for (;;) {
    const std::deque<Frame> taken = next_frames(channel);
    if (taken.empty()) return;
    for (const Frame& frame : taken) {
      if (!work_->problem.empty()) break;
      if (!work_->apply(frame.head, frame.payload)) fail(channel, work_->problem);
    }
    work_->confirm();
    const std::lock_guard lock{mutex_};
    unapplied_ -= taken.size();
  }
}

}  // namespace clusteragent::filesync
