#pragma once
// CopyStream: the standby's end of the link while a copy comes in. Listens in a thread of its own, so that a disk, or a
// server that is loaded, may take its time: what was received waits here, up to a bound, and nothing more is read
// meanwhile. next() and feed() belong to one thread.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "modules/mysql_replication/engine/provision/link.hpp"

namespace clusteragent::mysql {

class CopyStream {
 public:
  using Piece = std::vector<std::byte>;

  /// `is_unwanted` is called from any thread, and ends every wait.
  CopyStream(std::unique_ptr<filesync::Channel> channel, const CopyMeans& means, std::function<bool()> is_unwanted);
  /// Closes the link.
  ~CopyStream();
  CopyStream(const CopyStream&) = delete;
  CopyStream& operator=(const CopyStream&) = delete;

  /// What the primary's engine sends. Errors: its reason why it sends nothing.
  Result<CopyHead> head();
  /// Nothing: that was all. Errors: the copy broke off.
  Result<std::optional<Piece>> next();
  /// All of it to a pipe; `taken` hears of each piece. Errors: as next(), or ErrorCode::system: nobody reads the pipe.
  Status feed(int to, const std::function<void(std::uint64_t)>& taken);
  /// The link has ended, or the copy is no longer wanted: what is done for it may stop.
  bool is_over() const;
  /// The link ended before all of the copy was there.
  bool is_broken_off() const;
  std::string why_over() const;
  /// What is needed to take it is there: the other side may begin to send.
  void begin();
  /// The copy was made without a stream of it: waits until the other side knows. Errors: as next().
  Status finish();

 private:
  void listen();
  Error broken() const;
  Status write_to(int to, const Piece& piece) const;
  template <typename Condition>
  bool wait_until(std::unique_lock<std::mutex>& lock, Condition condition);

  const std::unique_ptr<filesync::Channel> channel_;
  const std::function<bool()> is_unwanted_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_
  std::optional<Result<CopyHead>> head_;
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0;
  bool is_complete_ = false;
  bool is_over_ = false;
  std::string reason_;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
