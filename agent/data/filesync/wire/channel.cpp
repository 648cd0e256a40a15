#include "agent/data/filesync/wire/channel.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "agent/data/filesync/wire/psk.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

// What one read of TLS yields at most (RFC 8446 §5.1).
constexpr std::size_t record_bytes = 16 * 1024;
// One frame whole, and room so that the rest of it is moved rarely.
constexpr std::size_t received_bytes = 2 * (head_bytes + payload_bytes_max);
constexpr int reads_at_once = 256;
// Of one system call: OpenSSL alone makes one for each record to write and two to read.
constexpr int socket_bytes = 128 * 1024;
// What nobody wants sent now waits so long for more: a packet costs more than what is in it.
constexpr std::chrono::milliseconds linger{2};
constexpr std::size_t linger_bytes_max = 64 * 1024;
// So long after the last such data run() looks by itself for new ones, without being woken.
constexpr std::chrono::milliseconds watchful{20};

}  // namespace

Channel::Channel(platform::Fd socket, const ChannelOptions& options)
    : socket_{std::move(socket)},
      wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      options_{options},
      context_{make_psk_context(options_.keys)},
      tls_{SSL_new(context_.get())},
      received_(received_bytes) {
  BIO* const reads = BIO_new(BIO_f_buffer());
  writes_ = BIO_new(BIO_f_buffer());
  BIO_set_read_buffer_size(reads, socket_bytes);
  BIO_set_write_buffer_size(writes_, socket_bytes);
  SSL_set_bio(tls_.get(), BIO_push(reads, BIO_new_socket(socket_.number(), BIO_NOCLOSE)),
              BIO_push(writes_, BIO_new_socket(socket_.number(), BIO_NOCLOSE)));
}

Channel::~Channel() = default;

bool Channel::wait_for(short events, Duration limit) {
  return wait_for_socket(socket_.number(), events, limit, options_.is_cancelled);
}

Status Channel::shake_hands(bool is_client) {
  const Instant until = platform::boottime_now() + options_.handshake_limit;
  // A server with a certificate instead of the key must not pass: no authority is known here.
  if (is_client) SSL_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
  for (;;) {
    ERR_clear_error();
    const int code = is_client ? SSL_connect(tls_.get()) : SSL_accept(tls_.get());
    if (code == 1) break;
    const int why = SSL_get_error(tls_.get(), code);
    const Duration left = until - platform::boottime_now();
    const bool is_waiting = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (!is_waiting || left <= Duration::zero() || !wait_for(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, left)) {
      return Error{ErrorCode::unreachable,
                   is_waiting ? std::string{"it does not answer the handshake"}
                              : "the handshake fails: is /etc/clusteragent/cluster.key the same on both nodes?"};
    }
  }
  heard_ = spoke_ = moved_ = platform::boottime_now();
  return success();
}

Result<std::unique_ptr<Channel>> Channel::connect(const std::string& from, const std::string& to, std::uint16_t port,
                                                  const ChannelOptions& options) {
  auto socket = connect_socket(from, to, port, options.handshake_limit, options.is_cancelled);
  if (!socket) return socket.error();
  std::unique_ptr<Channel> channel{new Channel{std::move(*socket), options}};
  if (const Status shaken = channel->shake_hands(true); !shaken) return shaken.error();
  return channel;
}

Result<std::unique_ptr<Channel>> Channel::accept(platform::Fd socket, const ChannelOptions& options) {
  std::unique_ptr<Channel> channel{new Channel{std::move(socket), options}};
  if (const Status shaken = channel->shake_hands(false); !shaken) return shaken.error();
  return channel;
}

Result<platform::Fd> Channel::listen(const std::string& address, std::uint16_t port) {
  return listen_socket(address, port);
}

void Channel::wait_for_room() {
  std::unique_lock lock{mutex_};
  if (queue_.size() >= queue_bytes_max) wake();
  room_.wait(lock, [this] { return is_closed_ || queue_.size() < queue_bytes_max; });
}

void Channel::wake() {
  ::eventfd_write(wake_.number(), 1);
}

void Channel::hurry() {
  is_urgent_ = true;
  if (is_asleep_.exchange(false)) wake();
}

void Channel::pass() {
  {
    const std::lock_guard lock{mutex_};
    if (queue_.size() < linger_bytes_max) {
      if (!is_unwatched_.exchange(false)) return;
      return wake();
    }
  }
  flush();
}

bool Channel::append(Head head, std::span<const std::byte> payload) {
  head.payload_bytes = static_cast<std::uint32_t>(payload.size());
  const auto bytes = write_head(head);
  const std::lock_guard lock{mutex_};
  if (is_closed_) return false;
  const Instant now = platform::boottime_now();
  if (queue_.empty()) waiting_since_ = now;
  if (head.op != Op::ping) used_at_ = now;
  queue_.insert(queue_.end(), bytes.begin(), bytes.end());
  queue_.insert(queue_.end(), payload.begin(), payload.end());
  return true;
}

bool Channel::send(Head head, std::span<const std::byte> payload) {
  const bool is_open = append(head, payload);
  if (is_open) hurry();
  return is_open;
}

void Channel::flush() {
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      if (queue_.empty()) return;
    }
    const std::unique_lock io{io_, std::try_to_lock};
    if (!io) return hurry();
    if (wants_write_) return;
    write_some();
    if (wants_write_ || is_closed_) return wake();
  }
}

void Channel::close(const std::string& reason) {
  {
    const std::lock_guard lock{mutex_};
    if (reason_.empty()) reason_ = reason;
    is_closed_ = true;
  }
  room_.notify_all();
  ::eventfd_write(wake_.number(), 1);
}

void Channel::write_some() {
  wants_write_ = false;
  for (;;) {
    if (sent_ == sending_.size()) {
      const std::lock_guard lock{mutex_};
      is_urgent_ = false;
      sending_.clear();
      sent_ = 0;
      sending_.swap(queue_);
      room_.notify_all();
    }
    if (sending_.empty()) return write_out();
    std::size_t written = 0;
    ERR_clear_error();
    const int code = SSL_write_ex(tls_.get(), sending_.data() + sent_, sending_.size() - sent_, &written);
    if (code != 1) {
      const int why = SSL_get_error(tls_.get(), code);
      wants_write_ = why == SSL_ERROR_WANT_WRITE;
      if (!wants_write_ && why != SSL_ERROR_WANT_READ) close("the connection broke");
      return;
    }
    sent_ += written;
    spoke_ = moved_ = platform::boottime_now();
  }
}

void Channel::write_out() {
  const int before = BIO_wpending(writes_);
  ERR_clear_error();
  if (BIO_flush(writes_) == 1) return;
  if (BIO_wpending(writes_) < before) moved_ = platform::boottime_now();
  wants_write_ = BIO_should_retry(writes_) != 0;
  if (!wants_write_) close("the connection broke");
}

void Channel::read_some(const OnFrame& on_frame) {
  // A sender that never pauses must not keep the answers from leaving.
  may_have_more_ = true;
  for (int turns = 0; turns < reads_at_once && !is_closed_; ++turns) {
    if (received_.size() - filled_ < record_bytes) make_room();
    std::size_t got = 0;
    int code = 0;
    int why = 0;
    {
      const std::lock_guard io{io_};
      ERR_clear_error();
      code = SSL_read_ex(tls_.get(), received_.data() + filled_, received_.size() - filled_, &got);
      why = code == 1 ? 0 : SSL_get_error(tls_.get(), code);
    }
    if (code != 1) {
      may_have_more_ = false;
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) close("the other node closed the connection");
      return;
    }
    filled_ += got;
    take_frames(on_frame);
    // Afterwards: what took long there was no silence of the other side.
    heard_ = platform::boottime_now();
  }
}

void Channel::make_room() {
  std::memmove(received_.data(), received_.data() + taken_, filled_ - taken_);
  filled_ -= taken_;
  taken_ = 0;
}

void Channel::take_frames(const OnFrame& on_frame) {
  while (!is_closed_ && filled_ - taken_ >= head_bytes) {
    const std::span<const std::byte> rest = std::span{received_}.subspan(taken_, filled_ - taken_);
    const auto head = read_head(rest.first<head_bytes>());
    if (!head) return close("the other node breaks the protocol");
    const std::size_t whole = head_bytes + head->payload_bytes;
    if (rest.size() < whole) break;
    taken_ += whole;
    if (head->op != Op::ping) on_frame(*head, rest.subspan(head_bytes, head->payload_bytes));
  }
  if (taken_ == filled_) taken_ = filled_ = 0;
}

bool Channel::is_heard_and_speaks() {
  const Instant now = platform::boottime_now();
  if (now - heard_ > options_.silence_limit) {
    close(fmt::format("silent for {} ms", to_milliseconds(now - heard_)));
    return false;
  }
  const std::lock_guard io{io_};
  if (!wants_write_) moved_ = now;
  if (now - moved_ > options_.send_limit) {
    close(fmt::format("it has taken nothing for {} ms of what was to be sent", to_milliseconds(now - moved_)));
    return false;
  }
  if (now - spoke_ >= options_.silence_limit / 4) {
    spoke_ = now;
    append({.op = Op::ping}, {});
    is_urgent_ = true;
  }
  return true;
}

bool Channel::is_due() {
  if (wants_write_) return true;
  const std::lock_guard lock{mutex_};
  if (queue_.empty()) return false;
  return is_urgent_ || queue_.size() >= linger_bytes_max || platform::boottime_now() - waiting_since_ >= linger;
}

void Channel::sleep(bool reads) {
  is_asleep_ = is_unwatched_ = true;
  Duration limit = options_.silence_limit / 4;
  if (!wants_write_ && is_due()) limit = Duration::zero();
  if (reads && may_have_more_) limit = Duration::zero();
  {
    const std::lock_guard lock{mutex_};
    if (platform::boottime_now() - used_at_ < watchful) {
      is_unwatched_ = false;
      limit = std::min<Duration>(limit, linger);
    }
  }
  std::array<pollfd, 2> both{
      {{socket_.number(), static_cast<short>((reads ? POLLIN : 0) | (wants_write_ ? POLLOUT : 0)), 0},
       {wake_.number(), POLLIN, 0}}};
  ::poll(both.data(), both.size(), static_cast<int>(to_milliseconds(limit)));
  is_asleep_ = is_unwatched_ = false;
  eventfd_t ignored = 0;
  if ((both[1].revents & POLLIN) != 0) ::eventfd_read(wake_.number(), &ignored);
}

std::string Channel::run(const OnFrame& on_frame, const std::function<void()>& on_tick,
                         const std::function<bool()>& has_room) {
  while (!is_closed_) {
    if (is_due()) {
      const std::lock_guard io{io_};
      write_some();
    }
    const bool reads = !has_room || has_room();
    if (reads)
      read_some(on_frame);
    else
      heard_ = platform::boottime_now();  // what it says is not listened to, which is no silence of its own
    if (is_closed_ || !is_heard_and_speaks()) break;
    on_tick();
    sleep(reads);
  }
  const std::lock_guard lock{mutex_};
  return reason_;
}

}  // namespace clusteragent::filesync
