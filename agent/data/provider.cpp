#include "agent/data/provider.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "agent/base/log.hpp"

namespace clusteragent::data {
namespace {

namespace asio = boost::asio;

constexpr const char* engine_died = "the replication engine died";
// One that dies at once again and again is given time; one that answered has proved itself.
constexpr std::chrono::milliseconds respawn_pause_min{50};
constexpr std::chrono::milliseconds respawn_pause_max{5000};
// The core counts its tokens from one.
constexpr std::uint64_t own_numbers = std::uint64_t{1} << 63U;
// The core may have no use for the first word: it is starting the application, or in maintenance.
constexpr std::chrono::seconds complaint_pause_min{1};
constexpr std::chrono::seconds complaint_pause_max{30};

/// The child has the socket where it looks for it, default signals, no blocked ones, and a session of its own.
Result<pid_t> start_process(const EngineProgram& program, int descriptor) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, descriptor, engine_descriptor);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::vector<std::string> words = program.arguments;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int code =
      ::posix_spawn(&process, program.executable.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    return Error{ErrorCode::system,
                 fmt::format("cannot start the replication engine {}: {}", program.executable, std::strerror(code))};
  }
  return process;
}

log::Level level_of(const std::string& letter) {
  return letter == "C" ? log::Level::critical : letter == "E" ? log::Level::event : log::Level::info;
}

}  // namespace

// Shared with the handlers on the io_context, which may still come after the provider went.
struct EngineProvider::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, EngineProgram wanted, core::EventSink to)
      : program{std::move(wanted)},
        sink{std::move(to)},
        io{context},
        socket{context},
        respawn{context},
        complaint{context} {}

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
  void complain();
  void finish(Token token, bool is_success, const std::string& detail);
  void close();

  EngineProgram program;
  core::EventSink sink;
  asio::io_context& io;
  asio::posix::stream_descriptor socket;
  asio::steady_timer respawn;
  asio::steady_timer complaint;
  std::set<Token> owed;
  std::map<std::uint64_t, std::function<void(const Status&)>> asked;  // by numbers that no token of the core has
  std::uint64_t next_asked = own_numbers;
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

Status EngineProvider::Impl::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot make the engine's socket: {}", std::strerror(errno))};
  }
  const auto started = start_process(program, pair[1]);
  ::close(pair[1]);
  if (!started) {
    ::close(pair[0]);
    return started.error();
  }
  process = *started;
  socket.assign(pair[0]);
  listen();
  send(program.configuration);
  for (const Json& each : std::exchange(unsent, {})) send(each);
  return success();
}

void EngineProvider::Impl::listen() {
  socket.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (!error && !self->is_closed) self->hear();
                    });
}

void EngineProvider::Impl::hear() {
  const ssize_t size = ::recv(socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return lost();
  try {
    if (size > 0) handle(Json::parse(message.data(), message.data() + size));
  } catch (const Json::exception& error) {
    refuse(error);
  }
  if (!is_closed) listen();
}

void EngineProvider::Impl::refuse(const std::exception& error) {
  // Nothing else that it says can be trusted; its end is heard as that of any other.
  log::critical(program.component, "the replication engine said what nobody understands and is ended: {}",
                error.what());
  ::kill(process, SIGKILL);
}

void EngineProvider::Impl::handle(const Json& said) {
  const std::string what = said.at("is");
  if (what == "finished")
    finish(Token{said.at("token").get<std::uint64_t>()}, said.at("ok"), said.at("detail"));
  else if (what == "synced")
    sink(core::ProviderSynced{epoch_of(said)});
  else if (what == "behind")
    sink(core::ProviderBehind{epoch_of(said), said.at("reason")});
  else if (what == "note")
    log::write(level_of(said.at("level")), program.component, said.at("text").get<std::string>());
  else if (what == "progress")
    progress = said.at("status");
}

Epoch EngineProvider::Impl::epoch_of(const Json& said) const {
  const auto found = said.find("epoch");
  return found == said.end() ? epoch : Epoch{found->get<std::uint64_t>()};
}

void EngineProvider::Impl::finish(Token token, bool is_success, const std::string& detail) {
  if (const auto own = asked.extract(token.value()); !own.empty())
    return own.mapped()(is_success ? success() : Status{Error{ErrorCode::refused, detail}});
  if (owed.erase(token) == 0) return;
  if (is_success) respawn_pause = respawn_pause_min;
  if (!is_success) log::critical(program.component, "{}", detail);
  sink(core::ActionFinished{token, is_success ? core::Outcome::success : core::Outcome::failure, detail});
}

void EngineProvider::Impl::lost() {
  boost::system::error_code ignored;
  socket.close(ignored);
  log::critical(program.component, "{}; {}", engine_died, program.without);
  progress = program.progress_without;
  unsent.clear();
  for (const auto& [number, answer] : std::exchange(asked, {})) answer(Error{ErrorCode::refused, engine_died});
  for (const Token token : std::set<Token>{owed}) finish(token, false, engine_died);
  if (std::exchange(is_engaged, false)) {
    is_missed = true;
    complaint_pause = complaint_pause_min;
    complain();
  }
  start_again();
}

void EngineProvider::Impl::complain() {
  sink(core::ProcessFailed{program.name, core::FailureAction::stopstart, engine_died});
  complaint.expires_after(complaint_pause);
  complaint_pause = std::min(2 * complaint_pause, complaint_pause_max);
  complaint.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->is_closed && self->is_missed) self->complain();
  });
}

void EngineProvider::Impl::start_again() {
  respawn.expires_after(respawn_pause);
  respawn_pause = std::min(2 * respawn_pause, respawn_pause_max);
  respawn.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->is_closed) return;
    int how = 0;
    // Its socket closes a moment before it can be reaped.
    if (::waitpid(self->process, &how, WNOHANG) == self->process && WIFSIGNALED(how))
      log::critical(self->program.component, "the former replication engine was ended by signal {}", WTERMSIG(how));
    const Status started = self->start();
    if (started) return;
    log::critical(self->program.component, "{}", started.error().message);
    self->unsent.clear();
    for (const Token token : std::set<Token>{self->owed}) self->finish(token, false, started.error().message);
    self->start_again();
  });
}

void EngineProvider::Impl::send(const Json& said) {
  const std::string text = said.dump(-1, ' ', false, Json::error_handler_t::replace);
  // The engine reads between its tasks and gets few messages; a full socket means that it hangs, and it is ended.
  if (::send(socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
    ::kill(process, SIGKILL);
}

void EngineProvider::Impl::ask(const Json& said, Token token) {
  owed.insert(token);
  // The next engine is asked: it is on its way.
  socket.is_open() ? send(said) : unsent.push_back(said);
}

void EngineProvider::Impl::close() {
  is_closed = true;
  respawn.cancel();
  complaint.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

EngineProvider::EngineProvider(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

EngineProvider::~EngineProvider() {
  impl_->close();
}

Result<std::unique_ptr<EngineProvider>> EngineProvider::open(asio::io_context& io, EngineProgram program,
                                                             core::EventSink sink) {
  auto impl = std::make_shared<Impl>(io, std::move(program), std::move(sink));
  if (const Status started = impl->start(); !started) return started.error();
  return std::unique_ptr<EngineProvider>{new EngineProvider{std::move(impl)}};
}

void EngineProvider::lead(const core::LeadData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->ask(
      {{"do", "lead"}, {"token", wanted.token.value()}, {"epoch", wanted.epoch.value()}, {"solo", wanted.is_solo}},
      wanted.token);
}

void EngineProvider::follow(const core::FollowData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->ask({{"do", "follow"},
              {"token", wanted.token.value()},
              {"epoch", wanted.epoch.value()},
              {"diverged", wanted.diverged.value()}},
             wanted.token);
}

void EngineProvider::allow_solo(const core::AllowSolo&) {
  if (impl_->socket.is_open()) impl_->send({{"do", "allow_solo"}});
}

void EngineProvider::give_up() {
  if (impl_->socket.is_open()) impl_->send({{"do", "give_up"}});
}

void EngineProvider::release(const core::ReleaseData& wanted) {
  impl_->is_engaged = impl_->is_missed = false;
  impl_->complaint.cancel();
  if (impl_->socket.is_open()) return impl_->ask({{"do", "release"}, {"token", wanted.token.value()}}, wanted.token);
  // A dead engine acknowledges nothing.
  impl_->owed.insert(wanted.token);
  asio::post(impl_->io, [impl = impl_, token = wanted.token] { impl->finish(token, true, ""); });
}

void EngineProvider::verify(bool repairs, std::function<void(const Status&)> answer) {
  if (!impl_->socket.is_open())
    return answer(Error{ErrorCode::refused, "the replication engine died and is being started again"});
  const std::uint64_t number = impl_->next_asked++;
  impl_->asked.emplace(number, std::move(answer));
  impl_->send({{"do", "verify"}, {"token", number}, {"repair", repairs}});
}

void EngineProvider::set_keys(const std::vector<EngineKey>& keys) {
  const Json& known = impl_->program.configuration["keys"] = to_json(keys);
  if (impl_->socket.is_open()) impl_->send({{"do", "keys"}, {"keys", known}});
}

const Json& EngineProvider::progress() const {
  return impl_->progress;
}

int EngineProvider::process() const {
  return impl_->process;
}

}  // namespace clusteragent::data
