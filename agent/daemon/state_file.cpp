#include "agent/daemon/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

namespace clusteragent::daemon {
namespace {

constexpr std::string_view header = "clusteragent-state 1\n";
constexpr std::string_view checksum_key = "checksum=";
// The file has a dozen short lines; anything larger is not ours.
constexpr std::size_t state_bytes_max = 4096;

Error damaged(const std::string& path, const std::string& what) {
  return Error{ErrorCode::corrupt,
               fmt::format("{}: {}. This node no longer knows whether it has the newest data. Move the file away "
                           "(mv {} {}.damaged) and start this node only while the other one is primary",
                           path, what, path, path)};
}

Error failed(const std::string& path, const char* what) {
  return Error{ErrorCode::system, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

std::string checksum_of(std::string_view text) {
  return fmt::format("{:016x}", XXH64(text.data(), text.size(), 0));
}

template <typename Number>
bool read_number(const std::map<std::string, std::string, std::less<>>& values, std::string_view key, Number& into) {
  const auto found = values.find(key);
  if (found == values.end()) return false;
  const std::string& text = found->second;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failure == std::errc{} && end == text.data() + text.size();
}

std::optional<core::Record> read_record(const std::map<std::string, std::string, std::less<>>& values,
                                        const std::string& prefix) {
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  std::uint8_t holder = 0;
  std::uint8_t sync_set = 0;
  const bool is_complete =
      read_number(values, prefix + "epoch", epoch) && read_number(values, prefix + "revision", revision) &&
      read_number(values, prefix + "holder", holder) && read_number(values, prefix + "sync_set", sync_set);
  if (!is_complete || holder > 1 || sync_set == 0 || sync_set > 3) return std::nullopt;
  return core::Record{Epoch{epoch}, Revision{revision}, NodeId{holder}, core::NodeSet{sync_set}};
}

Status write_whole(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path, "cannot write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return failed(path, "cannot fsync");
  return success();
}

Status sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  const int handle = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return failed(directory, "cannot open");
  const int outcome = ::fsync(handle);
  ::close(handle);
  if (outcome != 0) return failed(directory, "cannot fsync");
  return success();
}

}  // namespace

std::string encode_state(const core::DurableState& state) {
  std::string text{header};
  text += fmt::format("epoch={}\nrevision={}\nholder={}\nsync_set={}\n", state.record.epoch.value(),
                      state.record.revision.value(), state.record.holder.value(), state.record.sync_set.bits);
  if (const auto& proposal = state.proposal) {
    text += fmt::format("proposal_epoch={}\nproposal_revision={}\nproposal_holder={}\nproposal_sync_set={}\n",
                        proposal->epoch.value(), proposal->revision.value(), proposal->holder.value(),
                        proposal->sync_set.bits);
  }
  text += fmt::format("is_wanted={:d}\nwas_primary={:d}\nrestarts_used={}\nrestart_window_left_ns={}\n",
                      state.is_wanted, state.was_primary, state.restarts_used, state.restart_window_left.count());
  text += fmt::format("promise_left_ns={}\nmaintenance_number={}\nmaintenance_left_ns={}\n", state.promise_left.count(),
                      state.maintenance_number, state.maintenance_left.count());
  if (state.diverged_epoch != Epoch{}) text += fmt::format("diverged_epoch={}\n", state.diverged_epoch.value());
  text += fmt::format("{}{}\n", checksum_key, checksum_of(text));
  return text;
}

Result<core::DurableState> decode_state(const std::string& text, const std::string& path) {
  if (!text.starts_with("clusteragent-state ")) return damaged(path, "not a state file");
  if (!text.starts_with(header)) {
    return Error{ErrorCode::corrupt, fmt::format("{}: written by a newer clusteragent ({}); install that version again",
                                                 path, text.substr(0, text.find('\n')))};
  }
  const auto checksum_at = text.rfind(checksum_key);
  if (checksum_at == std::string::npos) return damaged(path, "cut off before its checksum");
  const std::string_view body{text.data(), checksum_at};
  if (text.substr(checksum_at) != fmt::format("{}{}\n", checksum_key, checksum_of(body))) {
    return damaged(path, "its checksum does not match its content");
  }
  std::map<std::string, std::string, std::less<>> values;
  for (std::size_t at = header.size(); at < checksum_at;) {
    const auto end = text.find('\n', at);
    const auto equals = text.find('=', at);
    if (equals == std::string::npos || equals > end) return damaged(path, "a line without '='");
    values[text.substr(at, equals - at)] = text.substr(equals + 1, end - equals - 1);
    at = end + 1;
  }
  int is_wanted = 0;
  int was_primary = 0;
  std::int64_t window_left = 0;
  std::int64_t promise_left = 0;
  std::int64_t maintenance_left = 0;
  core::DurableState state;
  const auto record = read_record(values, "");
  const bool complete = record && read_number(values, "is_wanted", is_wanted) &&
                        read_number(values, "was_primary", was_primary) &&
                        read_number(values, "restarts_used", state.restarts_used) &&
                        read_number(values, "restart_window_left_ns", window_left);
  const bool has_proposal = values.contains("proposal_epoch");
  if (has_proposal) state.proposal = read_record(values, "proposal_");
  // A version before announced restarts did not write these.
  const bool is_older = !values.contains("promise_left_ns");
  const bool is_rest_read = is_older || (read_number(values, "promise_left_ns", promise_left) &&
                                         read_number(values, "maintenance_number", state.maintenance_number) &&
                                         read_number(values, "maintenance_left_ns", maintenance_left));
  // Only there while it says something.
  std::uint64_t diverged = 0;
  const bool is_mark_read = !values.contains("diverged_epoch") || read_number(values, "diverged_epoch", diverged);
  const bool is_sane = complete && is_rest_read && is_mark_read && window_left >= 0 && promise_left >= 0 &&
                       maintenance_left >= 0 && (!has_proposal || state.proposal);
  if (!is_sane) return damaged(path, "a value is missing or impossible");
  state.record = *record;
  state.diverged_epoch = Epoch{diverged};
  state.is_wanted = is_wanted != 0;
  state.was_primary = was_primary != 0;
  state.restart_window_left = Duration{window_left};
  state.promise_left = Duration{promise_left};
  state.maintenance_left = Duration{maintenance_left};
  return state;
}

Result<std::optional<core::DurableState>> load_state(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::optional<core::DurableState>{};
  if (file < 0) return failed(path, "cannot open");
  std::string text(state_bytes_max, '\0');
  const ssize_t length = ::read(file, text.data(), text.size());
  const int reason = errno;
  ::close(file);
  errno = reason;
  if (length < 0) return failed(path, "cannot read");
  text.resize(static_cast<std::size_t>(length));
  auto state = decode_state(text, path);
  if (!state) return state.error();
  return std::optional{*state};
}

Status save_state(const std::string& path, const core::DurableState& state) {
  const std::string temporary = path + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed(temporary, "cannot create");
  const Status written = write_whole(file, encode_state(state), temporary);
  ::close(file);
  if (!written) return written;
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path, "cannot replace");
  return sync_directory_of(path);
}

}  // namespace clusteragent::daemon
