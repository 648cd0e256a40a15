#pragma once
// Channel: one TCP connection between the two engines, TLS 1.3 with a key that both derived from the cluster key
// (RFC 8446 §2.2, external PSK; no certificates). Whoever lacks the key cannot complete the handshake.
//
// Threads: append(), flush(), send() and close() from any; run() by one, which reads, writes what is left, and calls
// back. Frames leave in the order of append() and send(). Bounds: who produces calls wait_for_room() before send(),
// without a lock that run()'s callbacks need; who is slower than the other side says so by `has_room`, and nothing is
// read meanwhile. Errors: run() ends with the reason, in words for the operator.
#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/data/filesync/wire/operation.hpp"
#include "agent/platform/fd.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::filesync {

struct SharedKey {
  std::string identity;  // says which one, and nothing about it
  wire::Key key{};
};

struct ChannelOptions {
  std::vector<SharedKey> keys;  // the first is used to connect, all are accepted
  Duration handshake_limit = std::chrono::seconds{3};
  Duration silence_limit = std::chrono::seconds{5};  // afterwards the other side counts as lost
  Duration send_limit = std::chrono::seconds{30};    // so long it may take nothing of what is to be sent
  const std::atomic<bool>* is_cancelled = nullptr;   // ends connect() and accept() soon; outlives them
};

inline constexpr std::size_t queue_bytes_max = 32 * 1024 * 1024;

class Channel {
 public:
  using OnFrame = std::function<void(const Head&, std::span<const std::byte>)>;

  /// Blocks up to handshake_limit. Addresses are numbers, IPv4 or IPv6.
  static Result<std::unique_ptr<Channel>> connect(const std::string& from, const std::string& to, std::uint16_t port,
                                                  const ChannelOptions& options);
  static Result<std::unique_ptr<Channel>> accept(platform::Fd socket, const ChannelOptions& options);
  static Result<platform::Fd> listen(const std::string& address, std::uint16_t port);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Waits while more than queue_bytes_max are to be sent; not from run()'s callbacks.
  void wait_for_room();
  /// To be sent by the next flush(). Never waits. False: the channel is closed.
  bool append(Head head, std::span<const std::byte> payload);
  /// Sends what was appended by whomever, as far as the network takes it; the rest is for run(). Who wants it sent now
  /// does it, which costs less than to wake another thread for it. Never waits.
  void flush();
  /// For what nobody waits for: run() sends it within two milliseconds, or the next flush() does. Never waits.
  void pass();
  /// append(), and run() sends it now.
  bool send(Head head, std::span<const std::byte> payload);
  /// Serves the connection until it ends; `on_tick` comes at least every quarter of the silence limit.
  std::string run(const OnFrame& on_frame, const std::function<void()>& on_tick,
                  const std::function<bool()>& has_room = nullptr);
  /// There is room again, or something to see for on_tick.
  void wake();
  /// What was appended is sent now, by run().
  void hurry();
  /// The first reason counts.
  void close(const std::string& reason);
  bool is_closed() const { return is_closed_; }

 private:
  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  Channel(platform::Fd socket, const ChannelOptions& options);
  Status shake_hands(bool is_client);
  bool wait_for(short events, Duration limit);
  void write_some();
  void write_out();
  void read_some(const OnFrame& on_frame);
  void make_room();
  void take_frames(const OnFrame& on_frame);
  bool is_due();
  void sleep(bool reads);
  bool is_heard_and_speaks();

  platform::Fd socket_;
  platform::Fd wake_;
  ChannelOptions options_;
  std::unique_ptr<SSL_CTX, FreeTls> context_;
  std::mutex io_;  // taken before mutex_; who has it looks at the queue once more after it has let go
  std::unique_ptr<SSL, FreeTls> tls_;
  BIO* writes_ = nullptr;  // of tls_
  std::vector<std::byte> sending_;
  std::size_t sent_ = 0;
  Instant spoke_;
  Instant moved_;  // when something was sent last, or nothing was to be sent
  std::atomic<bool> wants_write_ = false;
  std::mutex mutex_;
  std::condition_variable room_;
  std::vector<std::byte> queue_;
  Instant waiting_since_;  // when the first of the queue came
  Instant used_at_;        // by more than a sign of life
  std::string reason_;
  std::atomic<bool> is_closed_ = false;
  std::atomic<bool> is_asleep_ = false;
  std::atomic<bool> is_unwatched_ = false;  // run() does not look by itself whether something was appended
  std::atomic<bool> is_urgent_ = false;
  // Of run() alone
  std::vector<std::byte> received_;
  std::size_t filled_ = 0;
  std::size_t taken_ = 0;
  Instant heard_;
  bool may_have_more_ = false;  // received, and not asked for
};

}  // namespace clusteragent::filesync
