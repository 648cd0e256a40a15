#pragma once
// The state and the handlers of EngineProvider, in three files: provider.cpp, provider_check.cpp for an engine that
// hangs, and provider_succession.cpp for one that takes a dead one's place. For those three alone.
//
// Threads: the decision thread's io_context. Ownership: shared with the handlers on it, which may still come after the
// provider went.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/data/provider.hpp"
#include "agent/data/succession.hpp"

namespace clusteragent::data {

inline constexpr const char* engine_died = "the replication engine died";
// One that dies at once again and again is given time; one that answered has proved itself.
inline constexpr std::chrono::milliseconds respawn_pause_min{50};
// The core counts its tokens from one.
inline constexpr std::uint64_t own_numbers = std::uint64_t{1} << 63U;
// The core may have no use for the first word: it is starting the application, or in maintenance.
inline constexpr std::chrono::seconds complaint_pause_min{1};

struct EngineProvider::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& context, EngineProgram wanted, core::EventSink to)
      : program{std::move(wanted)},
        sink{std::move(to)},
        io{context},
        socket{context},
        respawn{context},
        complaint{context},
        take_over_end{context},
        check{context},
        order_end{context} {}

  Status start();
  void listen();
  void hear();
  void handle(const Json& message);
  void refuse(const std::exception& error);
  Epoch epoch_of(const Json& said) const;
  void lost();
  void send(const Json& message);
  void ask(const Json& message, Token token);
  void start_again();
  void miss();
  void complain();
  void reap();
  void take_over();
  void ask_to_take_over();
  void took_over(const Status& done);
  void finish(Token token, bool is_success, const std::string& detail, bool is_untouched = false);
  void close();
  // provider_check.cpp
  void check_later();
  void check_now();
  void wait_for_check(std::uint64_t number, bool is_grace);
  void wait_for_orders(bool is_grace);
  void hangs(const std::string& how, bool is_of_request);
  void end_by_force();

  EngineProgram program;
  core::EventSink sink;
  boost::asio::io_context& io;
  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer respawn;
  boost::asio::steady_timer complaint;
  boost::asio::steady_timer take_over_end;
  boost::asio::steady_timer check;
  boost::asio::steady_timer order_end;
  std::optional<Instant> hung_at;
  Succession succession;
  Json told_succession;  // for `status`; null: none
  std::optional<Token> asked_to_lead;
  bool may_begin_solo = false;  // of the same
  std::vector<pid_t> ended;     // not reaped yet
  int last_signal = 0;
  std::set<Token> owed;
  std::map<std::uint64_t, std::function<void(const Status&)>> asked;  // by numbers that no token of the core has
  std::uint64_t next_asked = own_numbers;
  std::function<void(const Json&)> alarm;
  std::vector<Json> unsent;  // while no engine runs
  std::chrono::milliseconds respawn_pause = respawn_pause_min;
  std::chrono::seconds complaint_pause = complaint_pause_min;
  Epoch epoch;
  bool is_engaged = false;  // leads or follows, or was told to
  bool is_missed = false;   // an engine died that led or followed, and nothing was done about it yet
  bool is_closed = false;
  pid_t process = -1;
  Json progress;
  std::vector<char> message = std::vector<char>(message_bytes_max);
};

}  // namespace clusteragent::data
