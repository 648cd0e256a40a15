#include "modules/mysql_replication/engine/provision/copy_stream.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::milliseconds look_interval{50};
constexpr std::size_t waiting_bytes_max = 8 * 1024 * 1024;

}  // namespace

CopyStream::CopyStream(std::unique_ptr<filesync::Channel> channel, const CopyMeans& means,
                       std::function<bool()> is_unwanted)
    : channel_{std::move(channel)}, is_unwanted_{std::move(is_unwanted)} {
  channel_->send({.op = filesync::Op::hello}, bytes_of(write_hello(means)));
  thread_ = std::thread{[this] { listen(); }};
}

CopyStream::~CopyStream() {
  channel_->close("the copy is over");
  thread_.join();
}

void CopyStream::listen() {
  const auto on_frame = [this](const filesync::Head& head, std::span<const std::byte> payload) {
    const std::lock_guard lock{mutex_};
    switch (head.op) {
      case filesync::Op::refusal:
      case filesync::Op::failure:
        channel_->close("the primary's engine says: " + text_of(payload));
        break;
      case filesync::Op::copy_end:
        is_complete_ = true;
        channel_->close("");
        break;
      case filesync::Op::welcome:
        head_ = read_copy_head(text_of(payload));
        break;
      case filesync::Op::write:
        pieces_.emplace_back(payload.begin(), payload.end());
        bytes_ += payload.size();
        break;
      default:
        return;
    }
    changed_.notify_all();
  };
  const auto has_room = [this] {
    const std::lock_guard lock{mutex_};
    return bytes_ < waiting_bytes_max;
  };
  const std::string why = channel_->run(
      on_frame,
      [this] {
        if (is_unwanted_()) channel_->close("the copy is no longer wanted");
      },
      has_room);
  const std::lock_guard lock{mutex_};
  is_over_ = true;
  reason_ = why;
  changed_.notify_all();
}

template <typename Condition>
bool CopyStream::wait_until(std::unique_lock<std::mutex>& lock, Condition condition) {
  while (!condition()) {
    if (is_over_ || is_unwanted_()) return condition();
    changed_.wait_for(lock, look_interval);
  }
  return true;
}

Error CopyStream::broken() const {
  return {ErrorCode::unreachable,
          "the copy broke off: " + (reason_.empty() ? std::string{"it is no longer wanted"} : reason_)};
}

Result<CopyHead> CopyStream::head() {
  std::unique_lock lock{mutex_};
  if (!wait_until(lock, [this] { return head_.has_value(); })) return broken();
  return *head_;
}

Result<std::optional<CopyStream::Piece>> CopyStream::next() {
  std::unique_lock lock{mutex_};
  if (!wait_until(lock, [this] { return !pieces_.empty() || is_complete_; })) return broken();
  if (pieces_.empty()) return std::optional<Piece>{};
  std::optional<Piece> piece = std::move(pieces_.front());
  pieces_.pop_front();
  const bool was_full = bytes_ >= waiting_bytes_max;
  bytes_ -= piece->size();
  lock.unlock();
  if (was_full) channel_->wake();
  return piece;
}

Status CopyStream::write_to(int to, const Piece& piece) const {
  for (std::size_t done = 0; done < piece.size();) {
    const ssize_t size = ::write(to, piece.data() + done, piece.size() - done);
    if (size >= 0) {
      done += static_cast<std::size_t>(size);
      continue;
    }
    if (errno != EINTR && errno != EAGAIN)
      return Error{ErrorCode::system, fmt::format("cannot unpack the copy: {}", std::strerror(errno))};
    if (is_unwanted_()) return Error{ErrorCode::unreachable, "the copy is no longer wanted"};
    pollfd one{to, POLLOUT, 0};
    ::poll(&one, 1, static_cast<int>(look_interval.count()));
  }
  return success();
}

Status CopyStream::feed(int to, const std::function<void(std::uint64_t)>& taken) {
  // Whoever reads may take long over one statement, and that is no reason not to hear that it is no longer wanted.
  ::fcntl(to, F_SETFL, O_NONBLOCK);
  for (;;) {
    const auto piece = next();
    if (!piece) return piece.error();
    if (!*piece) return success();
    if (const Status written = write_to(to, **piece); !written) return written;
    taken((*piece)->size());
  }
}

bool CopyStream::is_over() const {
  const std::lock_guard lock{mutex_};
  return is_over_ || is_unwanted_();
}

bool CopyStream::is_broken_off() const {
  const std::lock_guard lock{mutex_};
  return is_over_ && !is_complete_;
}

std::string CopyStream::why_over() const {
  const std::lock_guard lock{mutex_};
  return broken().message;
}

void CopyStream::begin() {
  channel_->send({.op = filesync::Op::ack}, {});
}

Status CopyStream::finish() {
  channel_->send({.op = filesync::Op::copied}, {});
  std::unique_lock lock{mutex_};
  return wait_until(lock, [this] { return is_complete_; }) ? success() : Status{broken()};
}

}  // namespace clusteragent::mysql
