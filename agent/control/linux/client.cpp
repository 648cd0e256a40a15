#include "agent/control/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/control/linux/local_socket.hpp"
#include "agent/control/permission.hpp"
#include "agent/control/request.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::control {
namespace {

// Two status documents with all their processes are far below.
constexpr std::size_t answer_bytes_max = 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_{value} {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

Error not_running(const std::string& module, const std::string& why) {
  return Error{ErrorCode::unreachable,
               fmt::format("the agent of module {} does not run here ({}): systemctl start clusteragent@{}", module,
                           why, module)};
}

Error not_answering(const std::string& module, std::string_view why) {
  return Error{ErrorCode::unreachable,
               fmt::format("the agent of module {} does not answer ({}); see systemctl status clusteragent@{}", module,
                           why, module)};
}

/// False when the time is over.
bool wait_for(int socket, short what, Instant deadline) {
  for (;;) {
    const std::int64_t left = to_milliseconds(deadline - platform::boottime_now());
    pollfd waits{socket, what, 0};
    if (left < 0) return false;
    // At least 1 ms, so that the last wait is no busy loop; at most a minute, so that it fits an int.
    const int ready = ::poll(&waits, 1, static_cast<int>(std::clamp<std::int64_t>(left, 1, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Status connect_to(int socket, const std::string& path, const std::string& module) {
  const auto address = LocalAddress::of(path);
  if (!address) {
    return address.error().code == ErrorCode::unreachable ? not_running(module, address.error().message)
                                                          : address.error();
  }
  if (::connect(socket, address->address(), LocalAddress::size()) == 0) return success();
  switch (errno) {
    case EACCES:
    case EPERM:
      return Error{ErrorCode::refused, fmt::format("{}: this needs root, or for reading membership of the group {}",
                                                   path, readers_group_name)};
    case EAGAIN:
      return not_answering(module, "too many others wait for it");
    default:
      return not_running(module, reason_of(errno));
  }
}

Status send_line(int socket, std::string_view line, Instant deadline, const std::string& module) {
  while (!line.empty()) {
    if (!wait_for(socket, POLLOUT, deadline)) return not_answering(module, "it does not take the request");
    const ssize_t sent = ::send(socket, line.data(), line.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return not_answering(module, "it closed the connection");
    line.remove_prefix(static_cast<std::size_t>(sent));
  }
  return success();
}

Result<std::string> read_line(int socket, Instant deadline, const std::string& module) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (text.empty() || text.back() != '\n') {
    if (!wait_for(socket, POLLIN, deadline)) return not_answering(module, "stopped or overloaded");
    const ssize_t length = ::read(socket, buffer.data(), buffer.size());
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (length <= 0) return not_answering(module, "it closed the connection");
    text.append(buffer.data(), static_cast<std::size_t>(length));
    if (text.size() > answer_bytes_max) return Error{ErrorCode::corrupt, "the agent's answer is too long"};
  }
  return text;
}

std::string text_of(const Json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

Result<Json> request(const std::string& socket_path, const std::string& module, const Json& message, Duration limit) {
  const Instant deadline = platform::boottime_now() + limit;
  const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (const Status connected = connect_to(socket.get(), socket_path, module); !connected) return connected.error();
  if (const Status sent = send_line(socket.get(), to_line(message) + "\n", deadline, module); !sent)
    return sent.error();
  const auto text = read_line(socket.get(), deadline, module);
  if (!text) return text.error();
  Json answer = Json::parse(*text, nullptr, false);
  const auto ok = answer.is_object() ? answer.find("ok") : answer.end();
  if (ok == answer.end() || !ok->is_boolean()) return Error{ErrorCode::corrupt, "the agent's answer is not understood"};
  if (ok->get<bool>()) return answer;
  const ErrorCode code = text_of(answer, "code") == "usage" ? ErrorCode::usage : ErrorCode::refused;
  const std::string why = printable(text_of(answer, "message"), message_bytes_max, true);
  return Error{code, why.empty() ? "the agent refused and gave no reason" : why};
}

}  // namespace clusteragent::control
