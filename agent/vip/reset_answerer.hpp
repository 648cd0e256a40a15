#pragma once
// Answers TCP segments that still arrive for an address that this machine has just given up with RST, so that a client
// tries again at once. A segment that nobody answers is repeated after 200 ms, the first one of a connection after a
// second: without this a planned move costs clients more by waiting than by moving.
//
// What goes out claims nothing: it is addressed to whoever sent the segment, so no cache learns of it, and it needs no
// permit. Ends by itself at its deadline, or a moment after another machine was heard to announce the address, or with
// the process; a process that stands still answers nothing, and what waits when it goes on is past the deadline.
// Ownership: the worker's. Threads: that of the io_context. Errors: only logged; without it a move is slower, not
// wrong.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/platform/asio.hpp"
#include "agent/vip/frames.hpp"

struct sock_filter;

namespace clusteragent::vip {

// Longer than the repetitions that it is to spare; soon over where nobody takes the address.
inline constexpr std::chrono::milliseconds reset_span{2000};
// The dense part of the new owner's announcements: a client that missed the first is still told.
inline constexpr std::chrono::milliseconds reset_span_after_claim{200};

class ResetAnswerer {
 public:
  ResetAnswerer(boost::asio::io_context& io, std::vector<IpAddress> addresses);
  ~ResetAnswerer();
  ResetAnswerer(const ResetAnswerer&) = delete;
  ResetAnswerer& operator=(const ResetAnswerer&) = delete;

  /// Hears segments for the addresses on this link from now on; called before they go, so that none is missed.
  void listen(unsigned link, const std::string& name);
  /// Answers what was heard and what comes, for reset_span; called when the addresses are gone.
  void answer();
  /// Another machine announces one of the addresses.
  void on_claim();
  /// Not one more. The sockets go later: closing one waits for the whole kernel, and an address may be about to be set.
  void stop();

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  struct Ear;

  bool listen(unsigned link, std::uint16_t protocol);
  void watch(Ear& ear);
  bool drain(Ear& ear);
  void end_at(Instant moment);
  void close();

  boost::asio::io_context& io_;
  const std::vector<IpAddress> addresses_;
  std::vector<sock_filter> filter_;
  std::vector<std::unique_ptr<Ear>> ears_;
  boost::asio::steady_timer end_;
  bool is_answering_ = false;
  Instant until_;
  std::size_t answered_ = 0;
};

}  // namespace clusteragent::vip
