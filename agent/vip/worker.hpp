#pragma once
// The thread behind VirtualIp: everything that touches the kernel or the wire, in one order.
//
// Ownership: VirtualIp's. Threads: the `request_` methods may be called from any thread; all other members belong to
// the worker's own thread once start() was called. Reports leave through `report`, which must be safe to call from
// here.
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "agent/vip/address_control.hpp"
#include "agent/vip/reset_answerer.hpp"
#include "agent/vip/virtual_ip.hpp"
#include "agent/vip/wire_tap.hpp"

namespace clusteragent::vip {

/// What the decision thread and the worker share. The mutex guards the plain members and is never held over a system
/// call.
struct Board {
  static constexpr std::int64_t unlimited = INT64_MAX;
  std::atomic<std::int64_t> permit_until{unlimited};
  std::atomic<bool> waits_for_permit{false};
  mutable std::mutex mutex;
  std::map<std::string, bool> links;
  std::optional<Owner> owner;
  std::vector<platform::KernelMessage> removal_plan;
};

class Worker {
 public:
  struct Reports {
    std::function<void(core::Event)> event;
    std::function<void(std::vector<platform::KernelMessage>)> removal_plan;
  };
  Worker(const Options& options, Board& board, Reports reports);
  ~Worker();

  /// Opens sockets and taps in the caller's network namespace and removes leftovers; before start().
  Status open();
  void start();

  void request_acquire(Token token);
  void request_release(Token token);
  void request_announcement();
  void request_word(const core::LanWord& word);
  void request_refresh();
  std::future<bool> request_leave_behind(std::chrono::seconds lifetime);
  /// A permit is live again and something waits for it.
  void request_resume();

 private:
  using Timer = boost::asio::steady_timer;
  using Descriptor = boost::asio::posix::stream_descriptor;

  struct Binding {
    VirtualAddress wanted;
    std::optional<Place> place{};
    std::optional<std::uint8_t> last_prefix{};
    bool is_set = false;
    Instant refreshed{};
    Instant conflict_reported{};
  };
  struct OpenTap {
    WireTap tap;
    Descriptor readable;
  };

  bool may_speak() const;
  bool must_wait_for_permit();

  // worker.cpp: what the decision thread asks for
  void acquire();
  std::string set(Binding& binding);
  void release(Token token);
  bool listen_for_late_segments();
  void end_connections();
  std::string remove(Binding& binding);
  std::string remove_everywhere(const Binding& binding);
  void refresh();
  bool leave_behind(std::chrono::seconds lifetime);
  void finish_acquire(core::Outcome outcome, const std::string& detail);

  // worker_announce.cpp: what the network is told and asked
  void start_burst(std::size_t position);
  void arm_burst();
  void burst_step();
  void repeat_step();
  void probe_step();
  void announce(const Binding& binding);
  void probe(const Binding& binding);
  void say(const core::LanWord& word);
  bool is_router(const Binding& binding) const;

  // worker_watch.cpp: what the kernel and the network say
  Status read_kernel();
  Status clear_leftovers();
  void adopt();
  void watch_kernel();
  void on_kernel_news();
  void after_kernel_news();
  void rebind();
  void publish_plan();
  void publish_links();
  void report_losses();
  Status refresh_taps();
  void watch_tap(unsigned link);
  void on_frame(std::span<const std::uint8_t> frame);
  void on_spoken_probe(const SpokenProbe& probe);

  const Options& options_;
  Board& board_;
  Reports reports_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;
  std::optional<platform::NetlinkSocket> route_;
  std::optional<platform::NetlinkSocket> monitor_;
  std::optional<platform::NetlinkSocket> diag_;  // nothing: this kernel has none
  std::optional<Descriptor> monitor_readable_;
  InterfaceTable table_;
  std::vector<Binding> bindings_;
  std::map<unsigned, OpenTap> taps_;
  ResetAnswerer resets_;
  std::vector<Token> acquiring_;
  bool is_held_ = false;
  bool announcement_waits_ = false;
  std::size_t burst_position_ = 0;
  Instant burst_start_;
  Instant repeat_end_;
  Instant word_reported_;
  Timer permit_timer_;
  Timer burst_timer_;
  Timer repeat_timer_;
  Timer probe_timer_;
  std::thread thread_;
};

}  // namespace clusteragent::vip
