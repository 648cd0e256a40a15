#include "agent/control/server.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "agent/base/log.hpp"
#include "agent/control/permission.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::control {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t sessions_max = 32;           // `status --watch` of a dozen administrators, and room
constexpr std::size_t line_bytes_max = 64 * 1024;  // the longest request is a printed message
constexpr auto session_time = std::chrono::seconds{10};
constexpr const char* readers_group_name = "clusteragent";

std::optional<std::uint32_t> readers_group() {
  const group* found = ::getgrnam(readers_group_name);
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

/// The caller as the kernel vouches for it (unix(7), SO_PEERCRED and SO_PEERGROUPS).
std::optional<Caller> caller_of(int descriptor) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
  Caller caller{credentials.uid, {credentials.gid}};
  std::array<gid_t, 256> groups{};
  length = sizeof groups;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
    caller.groups.insert(caller.groups.end(), groups.begin(), groups.begin() + length / sizeof(gid_t));
  }
  return caller;
}

Json refusal(const std::string& code, const std::string& message) {
  return Json{{"ok", false}, {"code", code}, {"message", message}};
}

std::optional<core::Verb> verb_of(const std::string& name) {
  for (const auto verb : {core::Verb::start, core::Verb::stop, core::Verb::restart, core::Verb::stopstart,
                          core::Verb::swap, core::Verb::prim, core::Verb::second}) {
    if (name == name_of(verb)) return verb;
  }
  return std::nullopt;
}

}  // namespace

struct ControlServer::Session : std::enable_shared_from_this<Session> {
  Session(stream_protocol::socket connected, std::size_t& count)
      : socket{std::move(connected)}, timer{socket.get_executor()}, sessions{count} {
    ++sessions;
  }
  ~Session() { --sessions; }

  void read(std::function<void(const std::shared_ptr<Session>&, const std::string&)> on_line) {
    timer.expires_after(session_time);
    timer.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      error_code ignored;
      if (!error && self) self->socket.close(ignored);
    });
    asio::async_read_until(socket, asio::dynamic_buffer(input, line_bytes_max), '\n',
                           [self = shared_from_this(), on_line](const error_code& error, std::size_t length) {
                             if (!error) on_line(self, self->input.substr(0, length));
                           });
  }

  void answer(const Json& json) {
    output = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    asio::async_write(socket, asio::buffer(output), [self = shared_from_this()](const error_code&, std::size_t) {
      error_code ignored;
      self->timer.cancel();
      self->socket.close(ignored);
    });
  }

  stream_protocol::socket socket;
  asio::steady_timer timer;
  std::string input;
  std::string output;
  std::size_t& sessions;
};

ControlServer::ControlServer(asio::io_context& io, Handlers handlers) : acceptor_{io}, handlers_{std::move(handlers)} {}

ControlServer::~ControlServer() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io, const std::string& path,
                                                           Handlers handlers) {
  std::unique_ptr<ControlServer> server{new ControlServer{io, std::move(handlers)}};
  const auto failed = [&path](const std::string& reason) {
    return Error{ErrorCode::system, fmt::format("cannot open the control socket {}: {}", path, reason)};
  };
  constexpr std::size_t path_max = 107;  // sockaddr_un(7)
  if (path.size() > path_max)
    return failed(fmt::format("the path is longer than {} bytes; use a shorter --root", path_max));
  error_code error;
  stream_protocol::socket probe{io};
  probe.connect(stream_protocol::endpoint{path}, error);
  if (!error) return failed("another agent of this module is running");
  ::unlink(path.c_str());
  server->acceptor_.open(stream_protocol{}, error);
  const mode_t previous = ::umask(0177);
  if (!error) server->acceptor_.bind(stream_protocol::endpoint{path}, error);
  ::umask(previous);
  if (!error) server->acceptor_.listen(static_cast<int>(sessions_max), error);
  if (error) return failed(error.message());
  server->path_ = path;
  if (const auto readers = readers_group()) {
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *readers) == 0) ::chmod(path.c_str(), 0660);
  }
  server->accept_next();
  return server;
}

void ControlServer::accept_next() {
  acceptor_.async_accept([this](const error_code& error, stream_protocol::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && sessions_ < sessions_max) {
      std::make_shared<Session>(std::move(socket), sessions_)
          ->read([this](const std::shared_ptr<Session>& session, const std::string& line) { handle(session, line); });
    }
    accept_next();
  });
}

void ControlServer::handle(const std::shared_ptr<Session>& session, const std::string& line) {
  const Json request = Json::parse(line, nullptr, false);
  const auto caller = caller_of(session->socket.native_handle());
  if (!request.is_object() || !caller) return session->answer(refusal("usage", "not a request of this protocol"));
  const std::string kind =
      request.contains("request") && request["request"].is_string() ? request["request"] : Json{""};
  if (kind == "status") {
    if (!may_read(*caller, readers_group())) {
      return session->answer(
          refusal("refused", "reading the status needs root or membership of the group clusteragent"));
    }
    return session->answer(Json{{"ok", true}, {"status", handlers_.status()}});
  }
  if (kind != "operate" && kind != "print") return session->answer(refusal("usage", "unknown request"));
  if (!may_act(*caller, ::geteuid())) return session->answer(refusal("refused", "acting on a module needs root"));
  if (kind == "operate") return operate(session, request);
  const bool is_sound = request.contains("text") && request["text"].is_string();
  if (!is_sound) return session->answer(refusal("usage", "a message needs a text"));
  const std::string level = request.value("level", "I");
  handlers_.print(level.empty() ? 'I' : level.front(), request["text"].get<std::string>());
  session->answer(Json{{"ok", true}});
}

void ControlServer::operate(const std::shared_ptr<Session>& session, const Json& request) {
  const auto text = [&request](const char* key) {
    return request.contains(key) && request[key].is_string() ? request[key].get<std::string>() : std::string{};
  };
  const auto verb = verb_of(text("verb"));
  if (!verb) return session->answer(refusal("usage", "unknown verb " + text("verb")));
  const RequestId id{next_request_++};
  pending_[id] = session;
  const bool force = request.contains("force") && request["force"].is_boolean() && request["force"].get<bool>();
  const std::string asked_by = text("asked_by").empty() ? "root" : text("asked_by");
  handlers_.operate(core::OperatorRequest{id, *verb, force, text("identity"), asked_by, false});
}

void ControlServer::reply(const core::Reply& reply) {
  const auto found = pending_.find(reply.request);
  if (found == pending_.end()) return;
  if (const auto session = found->second.lock()) {
    session->answer(reply.is_accepted ? Json{{"ok", true}, {"message", reply.message}}
                                      : refusal("refused", reply.message));
  }
  pending_.erase(found);
}

}  // namespace clusteragent::control
