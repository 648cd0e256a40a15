#pragma once
// A UDP server on the virtual address and a client that asks it every millisecond over the wire, so that a test sees
// when the address is served. Both run on threads of their own until the object goes.
#include <atomic>
#include <string>
#include <thread>

#include "agent/platform/clock.hpp"
#include "tests/integration/vip/lan.hpp"

namespace clusteragent::testing {

class Prober {
 public:
  /// The server needs no address yet: it binds to one that may come later.
  Prober(const Namespace& server, const Namespace& client, const std::string& address);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// When the last answer arrived at the client; the beginning of time: never.
  Instant last_answer() const { return Instant::from_nanoseconds(last_answer_); }
  /// An answer arrives after now.
  bool is_served(Duration limit) const;
  /// No answer arrives for `quiet`; false after `limit`.
  bool falls_silent(Duration quiet, Duration limit) const;

 private:
  void serve(int socket) const;
  void ask(int socket);

  std::atomic<bool> is_over_{false};
  std::atomic<std::int64_t> last_answer_{0};
  std::thread server_;
  std::thread client_;
};

}  // namespace clusteragent::testing
