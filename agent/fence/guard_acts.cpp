#include "agent/fence/guard_acts.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace clusteragent::fence {
namespace {

// Above every ordinary process, below everything that somebody gave a real-time priority on purpose.
constexpr int realtime_priority = 1;
// A verdict is an error code and the head of the request.
constexpr std::size_t verdict_bytes = 4096;
// Each message has one verdict, a batch at most one a member: more is not read.
constexpr int verdicts_max = 64;

void write_file(const char* path, const char* content) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(file, content, ::strlen(content));
  ::close(file);
}

bool is_absence(int code) {
  return code == ENOENT || code == ENODEV || code == EADDRNOTAVAIL;
}

int verdict_of(const char* datagram, std::size_t size) {
  int first = 0;
  for (std::size_t at = 0; at + NLMSG_HDRLEN + sizeof(int) <= size;) {
    nlmsghdr header{};
    ::memcpy(&header, datagram + at, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN) break;
    if (header.nlmsg_type == NLMSG_ERROR && first == 0) {
      int error = 0;
      ::memcpy(&error, datagram + at + NLMSG_HDRLEN, sizeof error);
      first = is_absence(-error) ? 0 : -error;
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return first;
}

[[noreturn]] void become_command(const StopCommand& command) {
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What is ignored here would stay ignored there.
  for (const int one : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(one, SIG_DFL);
  write_file("/proc/self/oom_score_adj", "0");
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0) ::dup2(null, STDIN_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  if (command.directory[0] != '\0' && ::chdir(command.directory) != 0) ::_exit(126);
  ::execve(command.arguments[0], command.arguments, command.environment);
  ::_exit(127);
}

}  // namespace

void harden_process() {
  ::mlockall(MCL_CURRENT | MCL_FUTURE);
  sched_param parameters{};
  parameters.sched_priority = realtime_priority;
  ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
  write_file("/proc/self/oom_score_adj", "-1000");
  // The service manager's stop reaches every process of the unit; the guard ends when the agent has ended.
  for (const int one : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) ::signal(one, SIG_IGN);
}

std::int64_t boottime_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

int open_pidfd(pid_t process) {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

GuardSockets open_guard_sockets() {
  return {::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
          ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
}

int send_kernel_message(const GuardSockets& sockets, int protocol, std::span<const std::byte> message) {
  const int socket = protocol == NETLINK_ROUTE ? sockets.route : sockets.netfilter;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) <
      0) {
    return errno;
  }
  int first = 0;
  static char datagram[verdict_bytes];
  for (int count = 0; count < verdicts_max; ++count) {
    const ssize_t size = ::recv(socket, datagram, sizeof datagram, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? first : errno;
    if (first == 0) first = verdict_of(datagram, static_cast<std::size_t>(size));
  }
  return first;
}

// The peer's heartbeat socket is connected to this node's heartbeat port, which is the same on both nodes: a datagram
// from any other port would never reach it. The dead agent leaves the port when the last of its threads has ended.
bool send_datagram(std::span<const std::byte> address, std::span<const std::byte> datagram) {
  sockaddr_storage to{};
  ::memcpy(&to, address.data(), std::min(address.size(), sizeof to));
  const int socket = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return false;
  sockaddr_storage from{};
  from.ss_family = to.ss_family;
  if (to.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(from).sin6_port = reinterpret_cast<const sockaddr_in6&>(to).sin6_port;
  } else {
    reinterpret_cast<sockaddr_in&>(from).sin_port = reinterpret_cast<const sockaddr_in&>(to).sin_port;
  }
  const auto length = static_cast<socklen_t>(std::min(address.size(), sizeof to));
  // Unsent to the end, or lost, it costs the peer its timeout, no more.
  const bool is_sent =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&from), length) == 0 &&
      ::sendto(socket, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to), length) >= 0;
  ::close(socket);
  return is_sent;
}

int watch_file(const char* path) {
  const int descriptor = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (descriptor < 0) return -1;
  if (::inotify_add_watch(descriptor, path, IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF) >= 0) return descriptor;
  ::close(descriptor);
  return -1;
}

void drain_watch(int descriptor) {
  static char news[4096];
  while (::read(descriptor, news, sizeof news) > 0) continue;
}

bool has_file(const char* path) {
  return ::access(path, F_OK) == 0;
}

bool take_file(const char* path) {
  return ::unlink(path) == 0;
}

pid_t start_command(const StopCommand& command) {
  const pid_t child = ::fork();
  if (child == 0) become_command(command);
  // On both sides, so that the group is there whoever runs first.
  if (child > 0) ::setpgid(child, child);
  return child;
}

void kill_group(pid_t leader) {
  ::kill(-leader, SIGKILL);
}

void say(char* text, std::size_t text_bytes, const char* format, ...) {
  static char line[512];
  va_list arguments;
  va_start(arguments, format);
  ::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  ::dprintf(STDERR_FILENO, "clusteragent-guard: %s\n", line);
  if (text != nullptr) ::snprintf(text, text_bytes, "%s", line);
}

}  // namespace clusteragent::fence
