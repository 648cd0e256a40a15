#include "modules/mysql_replication/engine/server/accounts.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

#include "agent/platform/fd.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::size_t file_bytes_max = 16 * 1024;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Error bad_line(const std::string& path, unsigned line, const std::string& what) {
  return Error{
      ErrorCode::configuration,
      fmt::format("{} line {}: {}; expected [agent] and [replication], and [replicas] where further replicas have "
                  "an account of their own, each with user=NAME and password=TEXT",
                  path, line, what)};
}

Result<std::string> content_of(const std::string& path) {
  const platform::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) {
    return Error{ErrorCode::configuration,
                 fmt::format("cannot read the accounts file {}: {}; `clusteragent mysql init` "
                             "makes it",
                             path, std::strerror(errno))};
  }
  struct stat about {};
  if (::fstat(file.number(), &about) != 0 || (about.st_mode & 077U) != 0) {
    return Error{
        ErrorCode::configuration,
        fmt::format("the accounts file {} has mode {:o}: it holds passwords, and others than its owner can read "
                    "it. Say `chmod 600 {}`",
                    path, about.st_mode & 0777U, path)};
  }
  std::string text(file_bytes_max, '\0');
  const ssize_t size = ::read(file.number(), text.data(), text.size());
  if (size < 0) return Error{ErrorCode::system, fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

Result<Accounts> read_accounts(const std::string& path) {
  const auto content = content_of(path);
  if (!content) return content.error();
  Accounts accounts;
  Account* section = nullptr;
  std::istringstream lines{*content};
  unsigned number = 0;
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    const std::string line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line == "[agent]" || line == "[replication]" || line == "[replicas]") {
      section = line == "[agent]"         ? &accounts.agent
                : line == "[replication]" ? &accounts.replication
                                          : &accounts.replicas;
      continue;
    }
    const auto equals = line.find('=');
    // The line is not shown: it may be a password.
    if (section == nullptr || equals == std::string::npos) return bad_line(path, number, "not of this form");
    const std::string name = trimmed(line.substr(0, equals));
    if (name == "user")
      section->user = trimmed(line.substr(equals + 1));
    else if (name == "password")
      section->password = trimmed(line.substr(equals + 1));
    else
      return bad_line(path, number, fmt::format("'{}' is unknown", name));
  }
  for (const auto& [name, account] : {std::pair{"agent", &accounts.agent}, {"replication", &accounts.replication}}) {
    if (account->user.empty()) return bad_line(path, number, fmt::format("[{}] has no user", name));
  }
  if (accounts.replicas.user.empty() && !accounts.replicas.password.empty())
    return bad_line(path, number, "[replicas] has no user");
  if (accounts.replicas.user.empty()) accounts.replicas = accounts.agent;
  return accounts;
}

}  // namespace clusteragent::mysql
