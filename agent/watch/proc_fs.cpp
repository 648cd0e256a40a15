#include "agent/watch/proc_fs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace clusteragent::watch {
namespace {

constexpr std::size_t stat_bytes_max = 2048;
constexpr std::string_view deleted = " (deleted)";  // what Linux appends after an upgrade replaced the file

std::string read_file(const std::string& path, std::size_t bytes_max) {
  std::string text;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  text.resize(bytes_max);
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file, text.data() + filled, text.size() - filled);
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(file);
  text.resize(filled);
  return text;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

std::string unified_mount_point() {
  std::ifstream mounts{"/proc/self/mountinfo"};
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words{line};
    std::string skipped;
    std::string point;
    words >> skipped >> skipped >> skipped >> skipped >> point;
    return point;
  }
  return {};
}

void append_numbers(const std::string& path, std::vector<int>& numbers) {
  std::ifstream file{path};
  for (int number = 0; numbers.size() < neighbours_max && file >> number;) {
    if (number > 0) numbers.push_back(number);
  }
}

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  // pid (comm) state ppid ...: comm may hold blanks and parentheses itself, so its end is the last one.
  const auto open = text.find(" (");
  const auto close = text.rfind(") ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) return std::nullopt;
  ProcessStat stat;
  stat.comm = std::string{text.substr(open + 2, close - open - 2)};
  if (!parse_number(text.substr(0, open), stat.pid)) return std::nullopt;
  std::vector<std::string_view> fields;  // field 3 of proc(5) comes first
  constexpr std::size_t fields_needed = 20;
  for (std::string_view rest = text.substr(close + 2); !rest.empty() && fields.size() < fields_needed;) {
    const auto end = rest.find_first_of(" \n");
    fields.push_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (fields.size() < fields_needed || fields[0].size() != 1) return std::nullopt;
  stat.state = fields[0][0];
  if (!parse_number(fields[1], stat.parent) || !parse_number(fields[17], stat.threads) ||
      !parse_number(fields[19], stat.start_time)) {
    return std::nullopt;
  }
  return stat;
}

std::optional<ProcessStat> read_stat(int pid) {
  return parse_stat(read_file(fmt::format("/proc/{}/stat", pid), stat_bytes_max));
}

std::vector<int> all_pids() {
  std::vector<int> pids;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry{"/proc", problem}, end; !problem && entry != end;
       entry.increment(problem)) {
    int pid = 0;
    if (parse_number(entry->path().filename().native(), pid)) pids.push_back(pid);
  }
  return pids;
}

std::string cgroup_directory(int pid) {
  static const std::string mount_point = unified_mount_point();
  if (mount_point.empty()) return {};
  std::istringstream lines{read_file(fmt::format("/proc/{}/cgroup", pid), stat_bytes_max * 2)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/") && line.size() > 4) return mount_point + line.substr(3);
  }
  return {};
}

std::vector<int> neighbours(int parent, const std::string& cgroup) {
  std::vector<int> pids;
  // Children of init are the orphans of the whole machine: a daemon's successor is found by its cgroup.
  if (parent > 1) append_numbers(fmt::format("/proc/{}/task/{}/children", parent, parent), pids);
  if (!cgroup.empty()) append_numbers(cgroup + "/cgroup.procs", pids);
  return pids;
}

const std::string& ProcProcess::exe() {
  if (!exe_) {
    std::error_code problem;
    std::string path = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", stat_.pid), problem).string();
    if (path.ends_with(deleted)) path.erase(path.size() - deleted.size());
    exe_ = std::string{file_name(path)};
  }
  return *exe_;
}

const std::vector<std::string>& ProcProcess::arguments() {
  if (!arguments_) {
    arguments_.emplace();
    const std::string text = read_file(fmt::format("/proc/{}/cmdline", stat_.pid), command_line_bytes_max);
    for (std::string_view rest{text}; !rest.empty();) {
      const auto end = rest.find('\0');
      arguments_->emplace_back(rest.substr(0, end));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
  return *arguments_;
}

PidFd open_pidfd(int pid) {
  return PidFd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

}  // namespace clusteragent::watch
