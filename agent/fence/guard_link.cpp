#include "agent/fence/guard_link.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "agent/fence/guard_messages.hpp"

namespace clusteragent::fence {
namespace {

namespace asio = boost::asio;
using platform::errno_text;

// A guard that dies has a reason that a restart may not mend; after this many in one life of the agent it is left
// alone.
constexpr int respawns_max = 10;
constexpr std::chrono::seconds respawn_pause{1};

enum Dirty : unsigned { config = 1, plan = 2, release = 4, permit = 8 };
constexpr unsigned everything = config | plan | release | permit;

/// The child has the socket where it looks for it, default signals and a session of its own: what a terminal sends to
/// the agent's group is not for it.
Result<pid_t> start_process(const std::string& executable, int descriptor) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, descriptor, guard_descriptor);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::string name = "clusteragent-guard";
  std::array<char*, 2> arguments{name.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t process = -1;
  const int code =
      ::posix_spawn(&process, executable.c_str(), &actions, &attributes, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    return Error{ErrorCode::system, fmt::format("cannot start the guard {}: {}", executable, errno_text(code))};
  }
  return process;
}

Status check(const GuardOptions& options) {
  if (config_message(options, 0).size() > guard_message_bytes_max) {
    return Error{ErrorCode::configuration, fmt::format("the stop command with its environment takes more than {} bytes",
                                                       guard_message_bytes_max)};
  }
  if (!options.stop_command.empty() && !options.stop_command.front().starts_with('/')) {
    return Error{ErrorCode::usage,
                 "the guard's stop command must be an absolute path: " + options.stop_command.front()};
  }
  return success();
}

}  // namespace

// Shared with the handlers on the io_context, which may still come after the GuardLink went.
struct GuardLink::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, GuardOptions wanted, GuardCallbacks to)
      : options{std::move(wanted)}, callbacks{std::move(to)}, socket{context}, respawn_timer{context} {}

  Status start();
  void listen();
  void hear();
  void handle(const GuardReport& report);
  void lost();
  void mark(unsigned what) {
    dirty |= what;
    flush();
  }
  void flush();
  bool send(const GuardMessage& message);
  void close();

  const GuardOptions options;
  GuardCallbacks callbacks;
  asio::posix::stream_descriptor socket;
  asio::steady_timer respawn_timer;
  std::vector<platform::KernelMessage> plan_content;
  Epoch release_epoch;
  std::vector<ReleaseDatagram> release_content;
  GuardState state;
  unsigned dirty = 0;
  bool waits_for_room = false;
  bool is_armed = false;
  bool is_closed = false;
  int respawns = 0;
  pid_t process = -1;
};

Status GuardLink::Impl::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot make the guard's socket: {}", errno_text(errno))};
  }
  const auto started = start_process(options.executable, pair[1]);
  ::close(pair[1]);
  if (!started) {
    ::close(pair[0]);
    return started.error();
  }
  process = *started;
  socket.assign(pair[0]);
  waits_for_room = false;
  listen();
  mark(everything);
  return success();
}

void GuardLink::Impl::listen() {
  socket.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (!error && !self->is_closed) self->hear();
                    });
}

void GuardLink::Impl::hear() {
  std::array<std::byte, sizeof(GuardReport)> message{};
  const ssize_t size = ::recv(socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return lost();
  if (size > 0) {
    const auto report = parse_report(std::span{message}.first(static_cast<std::size_t>(size)));
    if (report) handle(*report);
  }
  if (!is_closed) listen();
}

void GuardLink::Impl::handle(const GuardReport& report) {
  switch (report.kind) {
    case ToAgent::armed:
      is_armed = true;
      if (callbacks.on_armed) callbacks.on_armed();
      break;
    case ToAgent::vip_dropped:
      if (callbacks.on_vip_dropped) callbacks.on_vip_dropped(report.text);
      break;
    case ToAgent::service_stopped:
      if (callbacks.on_service_stopped) callbacks.on_service_stopped(report.value, report.text);
      break;
    case ToAgent::problem:
      if (callbacks.on_problem) callbacks.on_problem(report.text);
      break;
    case ToAgent::watchdog:
      if (callbacks.on_watchdog) callbacks.on_watchdog(std::chrono::seconds{report.value}, report.text);
      break;
  }
}

void GuardLink::Impl::lost() {
  is_armed = false;
  boost::system::error_code ignored;
  socket.close(ignored);
  // Its socket closes a moment before it can be reaped; a zombie until then costs an entry in the process table.
  ::waitpid(process, nullptr, WNOHANG);
  const bool is_final = ++respawns > respawns_max;
  const std::string text =
      is_final
          ? fmt::format("the guard died {} times and is not started again: nothing watches over this agent", respawns)
          : std::string{"the guard died; starting another"};
  if (callbacks.on_lost) callbacks.on_lost(text, is_final);
  if (is_final || is_closed) return;
  respawn_timer.expires_after(respawn_pause);
  respawn_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->is_closed) return;
    ::waitpid(self->process, nullptr, WNOHANG);
    if (const Status started = self->start(); !started) {
      if (self->callbacks.on_problem) self->callbacks.on_problem(started.error().message);
      self->lost();
    }
  });
}

void GuardLink::Impl::flush() {
  if (!socket.is_open() || waits_for_room) return;
  // In this order: what to do first, then the state that may ask for it.
  const auto step = [this](unsigned what, const auto& make) {
    if ((dirty & what) == 0 || waits_for_room) return;
    if (send(make())) dirty &= ~what;
  };
  step(Dirty::config, [this] { return config_message(options, ::getpid()); });
  step(Dirty::plan, [this] { return plan_message(plan_content); });
  step(Dirty::release, [this] { return release_message(release_epoch, release_content); });
  step(Dirty::permit, [this] { return permit_message(state); });
}

bool GuardLink::Impl::send(const GuardMessage& message) {
  if (::send(socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  if (errno != EAGAIN)
    return true;  // it is dying; the end of the socket says so and everything is sent to the next one
  waits_for_room = true;
  socket.async_wait(asio::posix::stream_descriptor::wait_write,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (error || self->is_closed) return;
                      self->waits_for_room = false;
                      self->flush();
                    });
  return false;
}

void GuardLink::Impl::close() {
  if (is_closed) return;
  is_closed = true;
  respawn_timer.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

GuardLink::GuardLink(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

GuardLink::~GuardLink() {
  impl_->close();
}

Result<std::unique_ptr<GuardLink>> GuardLink::spawn(asio::io_context& io, GuardOptions options,
                                                    GuardCallbacks callbacks) {
  if (options.executable.empty()) {
    auto found = find_guard_executable();
    if (!found) return found.error();
    options.executable = std::move(found).value();
  }
  if (const Status checked = check(options); !checked) return checked.error();
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(callbacks));
  if (const Status started = impl->start(); !started) return started.error();
  return std::unique_ptr<GuardLink>{new GuardLink{std::move(impl)}};
}

void GuardLink::set_plan(std::vector<platform::KernelMessage> plan) {
  impl_->plan_content = std::move(plan);
  CLUSTERAGENT_ASSERT(plan_message(impl_->plan_content).size() <= guard_message_bytes_max);
  impl_->mark(Dirty::plan);
}

void GuardLink::set_release(Epoch epoch, std::vector<ReleaseDatagram> datagrams) {
  impl_->release_epoch = epoch;
  impl_->release_content = std::move(datagrams);
  impl_->mark(Dirty::release);
}

void GuardLink::update(const GuardState& state) {
  if (state == impl_->state) return;
  impl_->state = state;
  impl_->mark(Dirty::permit);
}

bool GuardLink::hand_over(Instant until, const std::string& path) {
  if (!impl_->socket.is_open() || impl_->dirty != 0) return false;
  const GuardMessage message = handover_message(until, path);
  return ::send(impl_->socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void GuardLink::say_goodbye() {
  if (impl_->socket.is_open()) {
    const GuardMessage message = goodbye_message();
    ::send(impl_->socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  impl_->close();
}

bool GuardLink::is_armed() const {
  return impl_->is_armed;
}

int GuardLink::process() const {
  return impl_->process;
}

Result<std::string> find_guard_executable() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string self{path.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  const std::string folder = self.substr(0, self.rfind('/'));
  // Beside it, in its prefix, in its build tree; a fixed place last: two installations must not use each other's guard.
  for (const std::string& candidate :
       {folder + "/clusteragent-guard", folder + "/../libexec/clusteragent/clusteragent-guard",
        folder + "/agent/fence/clusteragent-guard", folder + "/../fence/clusteragent-guard",
        folder + "/../agent/fence/clusteragent-guard", std::string{CLUSTERAGENT_GUARD_INSTALLED}}) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{ErrorCode::system, "clusteragent-guard is neither beside " + self +
                                      " nor at " CLUSTERAGENT_GUARD_INSTALLED "; install the agent completely"};
}

}  // namespace clusteragent::fence
