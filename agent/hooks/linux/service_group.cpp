#include "agent/hooks/service_group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "agent/base/log.hpp"
#include "agent/hooks/environment.hpp"
#include "agent/hooks/tail.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::hooks {
namespace {

constexpr std::array classes{"prim", "second", "sec", "both"};
// Members watched at once while waiting; when one of them ends the list is made anew.
constexpr std::size_t watched_max = 64;
// Between two looks at the members when no pidfd tells of an end: a member may fork while we look.
constexpr int look_again_ms = 100;
constexpr std::size_t cgroups_max = 256;
constexpr std::size_t named_max = 5;
// execve(2) takes no longer environment than a quarter of the stack limit; the marker is searched in its first part.
constexpr std::size_t environ_bytes_max = 256 * 1024;

std::string read_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream file{path, std::ios::binary};
  std::string text(bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool has_marker(int pid, std::string_view marker) {
  const std::string environment = read_file(fmt::format("/proc/{}/environ", pid), environ_bytes_max);
  std::string_view rest{environment};
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    if (rest.substr(0, end) == marker) return true;
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  }
  return false;
}

std::vector<int> marked_processes(std::string_view marker) {
  std::vector<int> pids;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry{"/proc", problem}, end; !problem && entry != end;
       entry.increment(problem)) {
    const auto pid = number_in(entry->path().filename().string());
    if (pid && *pid != ::getpid() && has_marker(*pid, marker)) pids.push_back(*pid);
  }
  return pids;
}

void append_cgroup_processes(const std::string& directory, std::vector<int>& pids) {
  std::ifstream file{directory + "/cgroup.procs"};
  // 0 stands for a process of another pid namespace, which cannot be named from here.
  for (int pid = 0; file >> pid;) {
    if (pid > 0) pids.push_back(pid);
  }
}

std::vector<int> cgroup_processes(const std::string& top) {
  std::vector<int> pids;
  append_cgroup_processes(top, pids);
  std::error_code problem;
  std::size_t seen = 0;
  for (std::filesystem::recursive_directory_iterator entry{top, problem}, end;
       !problem && entry != end && seen < cgroups_max; entry.increment(problem)) {
    std::error_code gone;
    if (!entry->is_directory(gone)) continue;
    ++seen;
    append_cgroup_processes(entry->path().string(), pids);
  }
  return pids;
}

/// FNV-1a: short, stable names for things that are only compared for equality.
std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return hash;
}

Fd open_pidfd(int pid) {
  return Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

/// True: `cancel` spoke.
bool wait_for_an_end(const std::vector<int>& pids, Duration time_left, int cancel) {
  std::vector<Fd> owners;
  std::vector<pollfd> polled{{.fd = cancel, .events = POLLIN, .revents = 0}};
  for (const int pid : pids) {
    if (owners.size() == watched_max) break;
    Fd pidfd = open_pidfd(pid);
    if (!pidfd) continue;
    polled.push_back({.fd = pidfd.number(), .events = POLLIN, .revents = 0});
    owners.push_back(std::move(pidfd));
  }
  const auto milliseconds = static_cast<int>(std::clamp<std::int64_t>(to_milliseconds(time_left), 1, look_again_ms));
  ::poll(polled.data(), polled.size(), milliseconds);
  return (polled.front().revents & POLLIN) != 0;
}

}  // namespace

ServiceGroup::ServiceGroup(const Options& options) : options_{options} {
  if (options_.service_cgroup.empty()) return;
  cgroup_ = fmt::format("{}-{:016x}", options_.service_cgroup, fingerprint(options_.node + "\n" + options_.root));
  if (::mkdir(cgroup_.c_str(), 0755) == 0 || errno == EEXIST) return;
  log::info("hooks",
            "no cgroup can be made at {} ({}); processes that scripts leave behind are found by their environment",
            cgroup_, std::generic_category().message(errno));
  cgroup_.clear();
}

std::string ServiceGroup::cgroup_of(std::string_view service_class) const {
  return fmt::format("{}/{}", cgroup_, service_class);
}

bool ServiceGroup::has_cgroup(std::string_view service_class) const {
  return !cgroup_.empty() && ::access((cgroup_of(service_class) + "/cgroup.procs").c_str(), F_OK) == 0;
}

Fd ServiceGroup::join(std::string_view service_class) const {
  if (cgroup_.empty()) return Fd{};
  ::mkdir(cgroup_.c_str(), 0755);
  const std::string directory = cgroup_of(service_class);
  ::mkdir(directory.c_str(), 0755);
  return Fd{::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
}

std::vector<int> ServiceGroup::members(std::string_view service_class) const {
  if (has_cgroup(service_class)) return cgroup_processes(cgroup_of(service_class));
  // With a cgroup that was never made nothing was ever started.
  if (!cgroup_.empty()) return {};
  return marked_processes(service_marker(options_, service_class));
}

bool ServiceGroup::is_member(int pid, std::string_view service_class) const {
  if (cgroup_.empty()) return has_marker(pid, service_marker(options_, service_class));
  const std::vector<int> pids = members(service_class);
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

void ServiceGroup::signal(const std::vector<int>& pids, std::string_view service_class, int number) const {
  if (number == SIGKILL && !cgroup_.empty()) {
    // Linux 5.14: ends the cgroup whole, whatever it forks meanwhile.
    const Fd whole{::open((cgroup_of(service_class) + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC)};
    if (whole && ::write(whole.number(), "1", 1) == 1) return;
  }
  for (const int pid : pids) {
    const Fd pidfd = open_pidfd(pid);
    if (pidfd && is_member(pid, service_class)) {
      ::syscall(SYS_pidfd_send_signal, pidfd.number(), number, nullptr, 0);
    }
  }
}

std::vector<int> ServiceGroup::settle(std::string_view service_class, Means means, Instant until, int cancel) const {
  for (bool is_first = true;; is_first = false) {
    std::vector<int> pids = members(service_class);
    const Instant now = platform::boottime_now();
    if (pids.empty() || now >= until) return pids;
    if (means == Means::kill) signal(pids, service_class, SIGKILL);
    if (means == Means::terminate && is_first) signal(pids, service_class, SIGTERM);
    if (wait_for_an_end(pids, until - now, cancel)) return members(service_class);
  }
}

void ServiceGroup::remove_empty() const {
  if (cgroup_.empty()) return;
  for (const char* service_class : classes) ::rmdir(cgroup_of(service_class).c_str());
  ::rmdir(cgroup_.c_str());
}

Result<std::string> default_service_cgroup(std::string_view label) {
  const auto refused = [](const std::string& why) {
    return Error{ErrorCode::system,
                 why + "; processes that scripts leave behind are found by their environment instead"};
  };
  // mountinfo (proc(5)): id parent major:minor root mount-point options ... - type source options
  std::ifstream mounts{"/proc/self/mountinfo"};
  std::string mount_point;
  std::string mount_root;
  for (std::string line; mount_point.empty() && std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words{line};
    std::string skipped;
    words >> skipped >> skipped >> skipped >> mount_root >> mount_point;
  }
  if (mount_point.empty()) return refused("no cgroup v2 hierarchy is mounted");
  std::ifstream own{"/proc/self/cgroup"};
  std::string path;
  for (std::string line; std::getline(own, line);) {
    if (line.starts_with("0::")) path = line.substr(3);
  }
  if (mount_root != "/" && path.starts_with(mount_root)) path.erase(0, mount_root.size());
  if (path == "/") path.clear();
  std::string directory = mount_point + path;
  if (::access(directory.c_str(), W_OK) != 0) {
    return refused(directory + " cannot be written (Delegate=yes in the unit allows it)");
  }
  return fmt::format("{}/clusteragent-{}", directory, label);
}

std::string describe_processes(const std::vector<int>& pids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(pids.size(), named_max); ++i) {
    std::string name = read_file(fmt::format("/proc/{}/comm", pids[i]), 64);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", printable(name), pids[i]);
  }
  if (pids.size() > named_max) text += fmt::format(" and {} more", pids.size() - named_max);
  return text;
}

}  // namespace clusteragent::hooks
