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

constexpr const char* process_name = "filesync";
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
Result<pid_t> start_process(const std::string& executable, int descriptor) {
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
  // The agent and its engine are told apart in a list of processes.
  std::string name = "clusteragent-filesync";
  std::string verb = process_name;
  const std::array<char*, 3> arguments{name.data(), verb.data(), nullptr};
  pid_t process = -1;
  const int code = ::posix_spawn(&process, executable.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    return Error{ErrorCode::system,
                 fmt::format("cannot start the replication engine {}: {}", executable, std::strerror(code))};
  }
  return process;
}

log::Level level_of(const std::string& letter) {
  return letter == "C" ? log::Level::critical : letter == "E" ? log::Level::event : log::Level::info;
}

}  // namespace

// Shared with the handlers on the io_context, which may still come after the provider went.
struct FilesyncProvider::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, EngineOptions wanted, std::string program, core::EventSink to)
      : options{std::move(wanted)},
        executable{std::move(program)},
        sink{std::move(to)},
        io{context},
        socket{context},
        respawn{context},
        complaint{context} {}

  Status start();
  void listen();
  void hear();
  void handle(const Json& message);
  void lost();
  void send(const Json& message);
  void ask(const Json& message, Token token);
  void start_again();
  void complain();
  void finish(Token token, bool is_success, const std::string& detail);
  void close();

  EngineOptions options;
  const std::string executable;
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

Status FilesyncProvider::Impl::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot make the engine's socket: {}", std::strerror(errno))};
  }
  const auto started = start_process(executable, pair[1]);
  ::close(pair[1]);
  if (!started) {
    ::close(pair[0]);
    return started.error();
  }
  process = *started;
  socket.assign(pair[0]);
  listen();
  send(to_json(options));
  for (const Json& each : std::exchange(unsent, {})) send(each);
  return success();
}

void FilesyncProvider::Impl::listen() {
  socket.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (!error && !self->is_closed) self->hear();
                    });
}

void FilesyncProvider::Impl::hear() {
  const ssize_t size = ::recv(socket.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return lost();
  if (size > 0) handle(Json::parse(message.data(), message.data() + size));
  if (!is_closed) listen();
}

void FilesyncProvider::Impl::handle(const Json& said) {
  const std::string what = said.at("is");
  if (what == "finished")
    finish(Token{said.at("token").get<std::uint64_t>()}, said.at("ok"), said.at("detail"));
  else if (what == "synced")
    sink(core::ProviderSynced{epoch});
  else if (what == "behind")
    sink(core::ProviderBehind{epoch, said.at("reason")});
  else if (what == "note")
    log::write(level_of(said.at("level")), "rfs", said.at("text").get<std::string>());
  else if (what == "progress")
    progress = said.at("status");
}

void FilesyncProvider::Impl::finish(Token token, bool is_success, const std::string& detail) {
  if (const auto own = asked.extract(token.value()); !own.empty())
    return own.mapped()(is_success ? success() : Status{Error{ErrorCode::refused, detail}});
  if (owed.erase(token) == 0) return;
  if (is_success) respawn_pause = respawn_pause_min;
  if (!is_success) log::critical("rfs", "{}", detail);
  sink(core::ActionFinished{token, is_success ? core::Outcome::success : core::Outcome::failure, detail});
}

void FilesyncProvider::Impl::lost() {
  boost::system::error_code ignored;
  socket.close(ignored);
  std::vector<std::string> paths;
  for (const EngineDirectory& each : options.directories) paths.push_back(each.path);
  log::critical("rfs", "{}; what the application tries on {} fails until it is started again", engine_died,
                fmt::join(paths, ", "));
  progress = {{"state", "engine died"}, {"directories", paths}};
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

void FilesyncProvider::Impl::complain() {
  sink(core::ProcessFailed{process_name, core::FailureAction::stopstart, engine_died});
  complaint.expires_after(complaint_pause);
  complaint_pause = std::min(2 * complaint_pause, complaint_pause_max);
  complaint.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->is_closed && self->is_missed) self->complain();
  });
}

void FilesyncProvider::Impl::start_again() {
  respawn.expires_after(respawn_pause);
  respawn_pause = std::min(2 * respawn_pause, respawn_pause_max);
  respawn.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->is_closed) return;
    int how = 0;
    // Its socket closes a moment before it can be reaped.
    if (::waitpid(self->process, &how, WNOHANG) == self->process && WIFSIGNALED(how))
      log::critical("rfs", "the former replication engine was ended by signal {}", WTERMSIG(how));
    const Status started = self->start();
    if (started) return;
    log::critical("rfs", "{}", started.error().message);
    self->unsent.clear();
    for (const Token token : std::set<Token>{self->owed}) self->finish(token, false, started.error().message);
    self->start_again();
  });
}

void FilesyncProvider::Impl::send(const Json& said) {
  const std::string text = said.dump(-1, ' ', false, Json::error_handler_t::replace);
  // The engine reads between its tasks and gets few messages; a full socket means that it hangs, and it is ended.
  if (::send(socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
    ::kill(process, SIGKILL);
}

void FilesyncProvider::Impl::ask(const Json& said, Token token) {
  owed.insert(token);
  // The next engine is asked: it is on its way.
  socket.is_open() ? send(said) : unsent.push_back(said);
}

void FilesyncProvider::Impl::close() {
  is_closed = true;
  respawn.cancel();
  complaint.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

FilesyncProvider::FilesyncProvider(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

FilesyncProvider::~FilesyncProvider() {
  impl_->close();
}

Result<std::unique_ptr<FilesyncProvider>> FilesyncProvider::open(asio::io_context& io, EngineOptions options,
                                                                 std::string executable, core::EventSink sink) {
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(executable), std::move(sink));
  if (const Status started = impl->start(); !started) return started.error();
  return std::unique_ptr<FilesyncProvider>{new FilesyncProvider{std::move(impl)}};
}

void FilesyncProvider::lead(const core::LeadData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->ask(
      {{"do", "lead"}, {"token", wanted.token.value()}, {"epoch", wanted.epoch.value()}, {"solo", wanted.is_solo}},
      wanted.token);
}

void FilesyncProvider::follow(const core::FollowData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->ask({{"do", "follow"},
              {"token", wanted.token.value()},
              {"epoch", wanted.epoch.value()},
              {"diverged", wanted.diverged.value()}},
             wanted.token);
}

void FilesyncProvider::allow_solo(const core::AllowSolo&) {
  if (impl_->socket.is_open()) impl_->send({{"do", "allow_solo"}});
}

void FilesyncProvider::give_up() {
  if (impl_->socket.is_open()) impl_->send({{"do", "give_up"}});
}

void FilesyncProvider::release(const core::ReleaseData& wanted) {
  impl_->is_engaged = impl_->is_missed = false;
  impl_->complaint.cancel();
  if (impl_->socket.is_open()) return impl_->ask({{"do", "release"}, {"token", wanted.token.value()}}, wanted.token);
  // A dead engine acknowledges nothing.
  impl_->owed.insert(wanted.token);
  asio::post(impl_->io, [impl = impl_, token = wanted.token] { impl->finish(token, true, ""); });
}

void FilesyncProvider::verify(bool repairs, std::function<void(const Status&)> answer) {
  if (!impl_->socket.is_open())
    return answer(Error{ErrorCode::refused, "the replication engine died and is being started again"});
  const std::uint64_t number = impl_->next_asked++;
  impl_->asked.emplace(number, std::move(answer));
  impl_->send({{"do", "verify"}, {"token", number}, {"repair", repairs}});
}

void FilesyncProvider::set_keys(std::vector<EngineKey> keys) {
  impl_->options.keys = std::move(keys);
  if (impl_->socket.is_open()) impl_->send({{"do", "keys"}, {"keys", to_json(impl_->options).at("keys")}});
}

const Json& FilesyncProvider::progress() const {
  return impl_->progress;
}

int FilesyncProvider::process() const {
  return impl_->process;
}

}  // namespace clusteragent::data
