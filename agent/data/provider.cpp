#include "agent/data/provider.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "agent/base/log.hpp"
#include "agent/data/engine_process.hpp"
#include "agent/data/engine_socket.hpp"
#include "agent/data/provider_impl.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::data {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds respawn_pause_max{5000};
// What is kept goes to an engine that is only being started.
constexpr int send_room_bytes = 8 * 1024 * 1024;
constexpr std::chrono::seconds complaint_pause_max{30};

log::Level level_of(const std::string& letter) {
  return letter == "C" ? log::Level::critical : letter == "E" ? log::Level::event : log::Level::info;
}

}  // namespace

Status EngineProvider::Impl::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot make the engine's socket: {}", std::strerror(errno))};
  }
  ::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &send_room_bytes, sizeof send_room_bytes);
  const auto started = start_process(program, pair[1]);
  ::close(pair[1]);
  if (!started) {
    ::close(pair[0]);
    return started.error();
  }
  process = *started;
  socket.assign(pair[0]);
  listen();
  Json configuration = program.configuration;
  if (succession.is_under_way()) configuration["takes_over"] = true;
  send(configuration);
  if (succession.is_under_way()) ask_to_take_over();
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
  Received received = receive_message(socket.native_handle(), message, MSG_DONTWAIT);
  // Of one that died with something unread the kernel says that first, once; what it had said stands behind it.
  const bool is_passing = errno == EAGAIN || errno == EINTR || errno == ECONNRESET;
  if (received.bytes == 0 || (received.bytes < 0 && !is_passing)) return lost();
  try {
    if (received.bytes > 0) {
      const Json said = Json::parse(message.data(), message.data() + received.bytes);
      if (said.at("is") == "keep")
        succession.keep(said.at("key"), said.at("about"), std::move(received.descriptors));
      else
        handle(said);
    }
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
    finish(Token{said.at("token").get<std::uint64_t>()}, said.at("ok"), said.at("detail"),
           said.value("untouched", false));
  else if (what == "drop")
    succession.drop(said.at("key"));
  else if (what == "drop_all")
    succession.drop_all();
  else if (what == "synced") {
    succession.set_solo(false);
    sink(core::ProviderSynced{epoch_of(said)});
  } else if (what == "behind")
    sink(core::ProviderBehind{epoch_of(said), said.at("reason")});
  else if (what == "replica") {
    core::ReplicaSeen seen;
    if (said.contains("lag_ms")) seen.lag = std::chrono::milliseconds{said.at("lag_ms").get<std::int64_t>()};
    seen.problem = said.value("problem", "");
    sink(seen);
  } else if (what == "note")
    log::write(level_of(said.at("level")), program.component, said.at("text").get<std::string>());
  else if (what == "alarm" && alarm)
    alarm(said);
  else if (what == "progress") {
    progress = said.at("status");
    if (!told_succession.is_null()) progress["taken_over"] = told_succession;
  }
}

Epoch EngineProvider::Impl::epoch_of(const Json& said) const {
  const auto found = said.find("epoch");
  return found == said.end() ? epoch : Epoch{found->get<std::uint64_t>()};
}

void EngineProvider::Impl::finish(Token token, bool is_success, const std::string& detail, bool is_untouched) {
  if (const auto own = asked.extract(token.value()); !own.empty())
    return own.mapped()(is_success ? success() : Status{Error{ErrorCode::refused, detail}});
  if (owed.erase(token) == 0) return;
  if (is_success) respawn_pause = respawn_pause_min;
  if (is_success && token == asked_to_lead && !succession.is_leading()) succession.set_leading(may_begin_solo);
  if (!is_success) log::critical(program.component, "{}", detail);
  sink(core::ActionFinished{token, is_success ? core::Outcome::success : core::Outcome::failure, detail, is_untouched});
}

void EngineProvider::Impl::lost() {
  boost::system::error_code ignored;
  socket.close(ignored);
  ended.push_back(process);
  if (is_engaged && owed.empty() && succession.may_take_over(platform::boottime_now())) return take_over();
  // From here on what the application tries fails.
  succession.drop_all();
  succession.set_leading(std::nullopt);
  if (!succession.is_under_way()) log::critical(program.component, "{}; {}", engine_died, program.without);
  progress = program.progress_without;
  unsent.clear();
  for (const auto& [number, answer] : std::exchange(asked, {})) answer(Error{ErrorCode::refused, engine_died});
  for (const Token token : std::set<Token>{owed}) finish(token, false, engine_died);
  miss();
  start_again();
}

void EngineProvider::Impl::miss() {
  if (!std::exchange(is_engaged, false)) return;
  is_missed = true;
  complaint_pause = complaint_pause_min;
  complain();
}

void EngineProvider::Impl::reap() {
  std::erase_if(ended, [this](pid_t each) {
    int how = 0;
    // Its socket closes a moment before it can be reaped.
    if (::waitpid(each, &how, WNOHANG) == 0) return false;
    last_signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    if (last_signal != 0)
      log::critical(program.component, "the former replication engine was ended by signal {}", last_signal);
    return true;
  });
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
    self->reap();
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
  wait_for_orders(false);
}

void EngineProvider::Impl::close() {
  is_closed = true;
  respawn.cancel();
  complaint.cancel();
  take_over_end.cancel();
  check.cancel();
  order_end.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
  succession.drop_all();
}

EngineProvider::EngineProvider(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

EngineProvider::~EngineProvider() {
  impl_->close();
}

Result<std::unique_ptr<EngineProvider>> EngineProvider::open(asio::io_context& io, EngineProgram program,
                                                             core::EventSink sink) {
  auto impl = std::make_shared<Impl>(io, std::move(program), std::move(sink));
  if (const Status started = impl->start(); !started) return started.error();
  impl->check_later();
  return std::unique_ptr<EngineProvider>{new EngineProvider{std::move(impl)}};
}

void EngineProvider::lead(const core::LeadData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->asked_to_lead = wanted.token;
  impl_->may_begin_solo = wanted.is_solo;
  impl_->ask(
      {{"do", "lead"}, {"token", wanted.token.value()}, {"epoch", wanted.epoch.value()}, {"solo", wanted.is_solo}},
      wanted.token);
}

void EngineProvider::follow(const core::FollowData& wanted) {
  impl_->epoch = wanted.epoch;
  impl_->is_engaged = true;
  impl_->succession.set_leading(std::nullopt);
  impl_->ask({{"do", "follow"},
              {"token", wanted.token.value()},
              {"epoch", wanted.epoch.value()},
              {"diverged", wanted.diverged.value()}},
             wanted.token);
}

void EngineProvider::allow_solo(const core::AllowSolo&) {
  impl_->succession.set_solo(true);
  if (impl_->socket.is_open()) impl_->send({{"do", "allow_solo"}});
}

void EngineProvider::give_up() {
  // The next one would not know.
  impl_->succession.set_leading(std::nullopt);
  if (impl_->socket.is_open()) impl_->send({{"do", "give_up"}});
}

void EngineProvider::release(const core::ReleaseData& wanted) {
  impl_->is_engaged = impl_->is_missed = false;
  impl_->succession.set_leading(std::nullopt);
  impl_->complaint.cancel();
  if (impl_->socket.is_open())
    return impl_->ask({{"do", "release"}, {"token", wanted.token.value()}, {"is_handed_over", wanted.is_handed_over}},
                      wanted.token);
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

void EngineProvider::on_alarm(std::function<void(const Json&)> handler) {
  impl_->alarm = std::move(handler);
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
