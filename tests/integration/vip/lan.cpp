#include "tests/integration/vip/lan.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

#include "agent/platform/clock.hpp"

namespace clusteragent::testing {
namespace {

[[noreturn]] void give_up(const std::string& message) {
  // What follows in the test would only bury the reason.
  ADD_FAILURE() << message;
  throw std::runtime_error{message};
}

int own_namespace() {
  return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

}  // namespace

Namespace::Namespace() {
  if (::geteuid() != 0) give_up("this test makes network namespaces: run it as root (sudo ctest -L integration)");
  int error = 0;
  std::thread{[this, &error] {
    if (::unshare(CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    descriptor_ = own_namespace();
  }}.join();
  if (error != 0) give_up(fmt::format("cannot make a network namespace: {}", std::strerror(error)));
  must("ip link set lo up");
}

Namespace::~Namespace() {
  ::close(descriptor_);
}

void Namespace::enter() const {
  if (::setns(descriptor_, CLONE_NEWNET) != 0)
    give_up(fmt::format("cannot enter a namespace: {}", std::strerror(errno)));
}

void Namespace::run(const std::function<void()>& work) const {
  std::exception_ptr thrown;
  std::thread{[&] {
    try {
      enter();
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  }}.join();
  if (thrown) std::rethrow_exception(thrown);
}

ShellResult Namespace::shell(const std::string& line) const {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) give_up("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::setns(descriptor_, CLONE_NEWNET);
    ::dup2(pipe[1], 1);
    ::dup2(pipe[1], 2);
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  ShellResult result;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) {
    result.output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

void Namespace::must(const std::string& line) const {
  const ShellResult result = shell(line);
  if (result.exit_code != 0) give_up(fmt::format("'{}' ended with {}: {}", line, result.exit_code, result.output));
}

std::string Namespace::path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), descriptor_);
}

Lan::Lan() {
  a.must("ip link add cable type veth peer name cable netns " + b.path());
  int node = 1;
  for (const Namespace* one : {&a, &b}) {
    one->must(
        fmt::format("ip link set cable up && ip addr add 10.7.0.{0}/24 dev cable && "
                    "ip addr add fd07::{0}/64 dev cable nodad",
                    node));
    ++node;
  }
}

bool eventually(Duration limit, const std::function<bool()>& holds) {
  const Instant end = platform::boottime_now() + limit;
  while (!holds()) {
    if (platform::boottime_now() >= end) return false;
    ::usleep(500);
  }
  return true;
}

}  // namespace clusteragent::testing
