#include "agent/control/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/platform/clock.hpp"

namespace clusteragent::control {
namespace {

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

Error unreachable(const std::string& module, const std::string& why) {
  return Error{ErrorCode::unreachable, fmt::format("the agent of module {} does not answer ({}); is it running? "
                                                   "systemctl start clusteragent@{}",
                                                   module, why, module)};
}

Result<std::string> read_line(int socket, Instant deadline, const std::string& module) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.find('\n') == std::string::npos) {
    const auto left = to_milliseconds(deadline - platform::boottime_now());
    pollfd waits{socket, POLLIN, 0};
    if (left <= 0 || ::poll(&waits, 1, static_cast<int>(left)) <= 0) return unreachable(module, "no answer in time");
    const ssize_t length = ::read(socket, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return unreachable(module, "it closed the connection");
    text.append(buffer.data(), static_cast<std::size_t>(length));
    if (text.size() > answer_bytes_max) return Error{ErrorCode::corrupt, "the agent's answer is too long"};
  }
  return text;
}

ErrorCode code_of(const std::string& name) {
  return name == "usage" ? ErrorCode::usage : ErrorCode::refused;
}

}  // namespace

Result<Json> request(const std::string& socket_path, const std::string& module, const Json& message, Duration limit) {
  const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return unreachable(module, "the socket's path is too long");
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES) {
      return Error{ErrorCode::refused, "this needs root, or for reading membership of the group clusteragent"};
    }
    return unreachable(module, std::strerror(errno));
  }
  const std::string line = message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return unreachable(module, "it does not take the request");
  }
  auto text = read_line(socket.get(), platform::boottime_now() + limit, module);
  if (!text) return text.error();
  Json answer = Json::parse(*text, nullptr, false);
  if (!answer.is_object()) return Error{ErrorCode::corrupt, "the agent's answer is not understood"};
  if (answer.value("ok", false)) return answer;
  return Error{code_of(answer.value("code", "")), answer.value("message", "refused")};
}

}  // namespace clusteragent::control
