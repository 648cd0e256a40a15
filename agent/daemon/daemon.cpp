#include "agent/daemon/daemon.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <csignal>
#include <filesystem>

#include "agent/base/log.hpp"
#include "agent/daemon/agent.hpp"

namespace clusteragent::daemon {
namespace {

// For the last lines of the log at the end; a disk that hangs does not keep the agent.
constexpr Duration last_lines_limit = std::chrono::seconds{2};
constexpr int exit_unreachable = 4;
constexpr int exit_configuration = 5;

// A decision thread that waits for a busy processor looks like a dead one. Round robin at the lowest real-time priority
// is enough to go before every ordinary process; the loop sleeps almost always, so nobody else starves.
void ask_for_priority() {
  sched_param parameters{};
  parameters.sched_priority = ::sched_get_priority_min(SCHED_RR);
  // Children (scripts, the application) must not inherit it.
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) != 0) {
    log::info("heart", "no real-time priority for the decision thread; a busy machine may delay heartbeats");
  }
}

int refuse(const Error& error) {
  fmt::print(stderr, "clusteragent: {}\n", error.message);
  const bool is_configuration = error.code == ErrorCode::configuration || error.code == ErrorCode::corrupt;
  return is_configuration ? exit_configuration : exit_unreachable;
}

}  // namespace

int run_agent(const RunOptions& options) {
  log::enable_debug(options.debug);
  auto setup = load_setup(options);
  if (!setup) return refuse(setup.error());
  std::error_code error;
  const std::string binary = std::filesystem::read_symlink("/proc/self/exe", error);
  boost::asio::io_context io{1};
  auto agent = Agent::build(io, std::move(*setup), binary);
  if (!agent) return refuse(agent.error());
  boost::asio::signal_set signals{io, SIGTERM, SIGINT, SIGHUP};
  std::function<void(const boost::system::error_code&, int)> on_signal = [&](const boost::system::error_code& failure,
                                                                             int signal) {
    if (failure) return;
    signal == SIGHUP ? (*agent)->reload_keys() : (*agent)->shut_down();
    signals.async_wait(on_signal);
  };
  signals.async_wait(on_signal);
  // A client that closes its end early must not end the agent.
  std::signal(SIGPIPE, SIG_IGN);
  ask_for_priority();
  log::start_writer();
  (*agent)->start();
  io.run();
  log::flush(last_lines_limit);
  return (*agent)->refusal() ? refuse(*(*agent)->refusal()) : 0;
}

}  // namespace clusteragent::daemon
