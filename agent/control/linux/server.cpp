#include "agent/control/server.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <vector>

#include "agent/control/linux/local_socket.hpp"
#include "agent/control/permission.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::control {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr auto accept_again_after = std::chrono::milliseconds{200};  // when the process is out of descriptors
constexpr std::size_t group_bytes_max = 64 * 1024;                   // a group's entry with all of its members

std::optional<std::uint32_t> readers_group() {
  std::vector<char> buffer(group_bytes_max);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(readers_group_name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return found->gr_gid;
}

Error failed(const std::string& path, const std::string& reason) {
  return Error{ErrorCode::system, fmt::format("cannot open the control socket {}: {}", path, reason)};
}

Status make_way(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return success();
  if (!S_ISSOCK(facts.st_mode)) return failed(path, "something else is in the way; remove it");
  if (is_listened_on(path)) return failed(path, "another agent of this module is running");
  if (::unlink(path.c_str()) != 0) return failed(path, reason_of(errno));
  return success();
}

Result<int> listen_on(const std::string& path, std::optional<std::uint32_t> readers) {
  const auto address = LocalAddress::of(path);
  if (!address) return address.error();
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return failed(path, reason_of(errno));
  // The name gets the mode of the socket (unix(7)), so there is no moment in which others could connect.
  bool is_made = ::fchmod(listener, 0600) == 0 && ::bind(listener, address->address(), LocalAddress::size()) == 0;
  if (is_made && readers && ::lchown(path.c_str(), static_cast<uid_t>(-1), *readers) == 0) {
    is_made = ::chmod(path.c_str(), 0660) == 0;
  }
  is_made = is_made && ::listen(listener, static_cast<int>(sessions_max)) == 0;
  if (is_made) return listener;
  const Error error = failed(path, reason_of(errno));
  ::close(listener);
  return error;
}

// One connection: a line in, a line out. Alive as long as one of its operations is under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using LineHandler = std::function<void(const std::shared_ptr<Session>&, const std::string&)>;

  Session(stream_protocol::socket connected, Caller caller)
      : socket_{std::move(connected)}, timer_{socket_.get_executor()}, caller_{std::move(caller)} {}

  void start(LineHandler on_line) {
    timer_.expires_after(session_time);
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (!error && self) self->close();
    });
    asio::async_read_until(
        socket_, asio::dynamic_buffer(input_, request_bytes_max), '\n',
        [self = shared_from_this(), on_line = std::move(on_line)](const error_code& error, std::size_t length) {
          if (error) return self->close();
          self->awaits_answer_ = true;
          on_line(self, self->input_.substr(0, length));
        });
  }

  /// Once; what comes later is dropped.
  void answer(std::string line) {
    if (!awaits_answer_) return;
    awaits_answer_ = false;
    output_ = std::move(line) + "\n";
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](const error_code&, std::size_t) { self->close(); });
  }

  void close() {
    error_code ignored;
    timer_.cancel(ignored);
    socket_.close(ignored);
  }

  const Caller& caller() const { return caller_; }

 private:
  stream_protocol::socket socket_;
  asio::steady_timer timer_;
  Caller caller_;
  std::string input_;
  std::string output_;
  bool awaits_answer_ = false;
};

using SessionPointer = std::shared_ptr<Session>;

}  // namespace

class ControlServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, std::string path, std::optional<std::uint32_t> readers, Handlers handlers, int listener)
      : acceptor_{io, stream_protocol{}, listener},
        retry_{io},
        path_{std::move(path)},
        readers_{readers},
        handlers_{std::move(handlers)} {}

  void accept() {
    acceptor_.async_accept([weak = weak_from_this()](const error_code& error, stream_protocol::socket socket) {
      const auto self = weak.lock();
      if (!self || error == asio::error::operation_aborted) return;
      if (error) return self->accept_later();
      self->welcome(std::move(socket));
      self->accept();
    });
  }

  void reply(const core::Reply& reply) {
    const auto found = pending_.find(reply.request);
    if (found == pending_.end()) return;
    const SessionPointer session = found->second;
    pending_.erase(found);
    session->answer(to_line(reply.is_accepted ? Json{{"ok", true}, {"message", reply.message}}
                                              : refusal({ErrorCode::refused, reply.message})));
  }

  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel(ignored);
    for (const auto& weak : sessions_) {
      if (const auto session = weak.lock()) session->close();
    }
    ::unlink(path_.c_str());
  }

 private:
  void accept_later() {
    retry_.expires_after(accept_again_after);
    retry_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (self && !error) self->accept();
    });
  }

  void welcome(stream_protocol::socket socket) {
    std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
    auto caller = caller_of(socket.native_handle());
    if (!caller || sessions_.size() >= sessions_max) return;
    const auto session = std::make_shared<Session>(std::move(socket), std::move(*caller));
    sessions_.push_back(session);
    session->start([weak = weak_from_this()](const SessionPointer& asking, const std::string& line) {
      if (const auto self = weak.lock()) self->serve(asking, line);
    });
  }

  void serve(const SessionPointer& session, const std::string& line) {
    const auto refuse = [&session](ErrorCode code, std::string why) {
      session->answer(to_line(refusal({code, std::move(why)})));
    };
    const auto parsed = parse_request(line);
    if (!parsed) return session->answer(to_line(refusal(parsed.error())));
    if (!may_read(session->caller(), readers_, ::geteuid())) {
      return refuse(ErrorCode::refused,
                    fmt::format("reading the status needs root or membership of the group {}", readers_group_name));
    }
    const bool is_status = std::holds_alternative<StatusRequest>(parsed->request);
    if (!is_status && !may_act(session->caller(), ::geteuid())) {
      return refuse(ErrorCode::refused, "acting on a module needs root (sudo)");
    }
    if (is_status || !parsed->node.empty()) refresh_status();
    if (!parsed->node.empty() && parsed->node != node_) {
      return refuse(ErrorCode::usage, fmt::format("the agent that answers here is {}, not {}", node_, parsed->node));
    }
    if (is_status) return session->answer(status_line_);
    if (const auto* operate = std::get_if<OperateRequest>(&parsed->request)) return begin(session, *operate);
    if (std::holds_alternative<ReloadKeysRequest>(parsed->request)) return begin_reload(session);
    if (const auto* verify = std::get_if<VerifyRequest>(&parsed->request)) return begin_verify(session, *verify);
    if (const auto* print = std::get_if<PrintRequest>(&parsed->request)) {
      handlers_.print(print->level, print->text);
      session->answer(to_line(Json{{"ok", true}}));
    }
  }

  /// Before what replies is called: it may do so from inside the call.
  RequestId expect_reply(const SessionPointer& session) {
    const RequestId id{next_request_++};
    pending_[id] = session;
    return id;
  }

  void begin_reload(const SessionPointer& session) {
    const RequestId id = expect_reply(session);
    handlers_.reload_keys(id);
    status_line_.clear();
  }

  void begin_verify(const SessionPointer& session, const VerifyRequest& wanted) {
    handlers_.verify(expect_reply(session), wanted);
  }

  void begin(const SessionPointer& session, const OperateRequest& operate) {
    const RequestId id = expect_reply(session);
    const std::string asked_by = operate.asked_by.empty() ? "root" : operate.asked_by;
    handlers_.operate(
        core::OperatorRequest{id, operate.verb, operate.force, operate.identity, asked_by, false, operate.lasts});
    status_line_.clear();  // whoever asks next must not see the state from before the order
  }

  void refresh_status() {
    const Instant now = platform::boottime_now();
    if (!status_line_.empty() && now - status_made_ < status_age_max) return;
    Json status = handlers_.status();
    forget_stale(status);
    const auto node = status.find("node");
    node_ = node != status.end() && node->is_string() ? node->get<std::string>() : "";
    status_line_ = to_line(Json{{"ok", true}, {"status", std::move(status)}});
    status_made_ = now;
  }

  stream_protocol::acceptor acceptor_;
  asio::steady_timer retry_;
  std::string path_;
  std::optional<std::uint32_t> readers_;
  Handlers handlers_;
  std::vector<std::weak_ptr<Session>> sessions_;  // at most sessions_max
  std::map<RequestId, SessionPointer> pending_;   // at most one a session; kept alive, for a reply may come long after
  std::uint64_t next_request_ = 1;
  std::string node_;
  std::string status_line_;
  Instant status_made_;
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io, const std::string& path,
                                                           Handlers handlers) {
  if (const Status free = make_way(path); !free) return free.error();
  const auto readers = readers_group();
  const auto listener = listen_on(path, readers);
  if (!listener) return listener.error();
  auto impl = std::make_shared<Impl>(io, path, readers, std::move(handlers), *listener);
  impl->accept();
  return std::unique_ptr<ControlServer>{new ControlServer{std::move(impl)}};
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

ControlServer::~ControlServer() {
  impl_->close();
}

void ControlServer::reply(const core::Reply& reply) {
  impl_->reply(reply);
}

}  // namespace clusteragent::control
