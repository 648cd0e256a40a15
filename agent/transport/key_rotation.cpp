#include "agent/transport/key_rotation.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "agent/transport/key_file.hpp"

namespace clusteragent::transport {
namespace {

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Error failed(const std::string& path, const char* what) {
  return Error{ErrorCode::system, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

Result<wire::PreviousKey> load_previous(const std::string& path) {
  const auto text = read_private_file(path);
  if (!text) return text.error();
  return wire::parse_previous(*text, path);
}

}  // namespace

std::string next_key_file(const std::string& file) {
  return file + ".next";
}

std::string previous_key_file(const std::string& file) {
  return file + ".previous";
}

Result<LoadedKeys> load_key_ring(const std::string& file) {
  LoadedKeys loaded;
  const auto current = load_key(file);
  if (!current) return current.error();
  loaded.ring.current = *current;
  if (exists(next_key_file(file))) {
    const auto next = load_key(next_key_file(file));
    if (next) loaded.ring.next = *next;
    if (!next) loaded.problems.push_back(next.error().message);
  }
  if (exists(previous_key_file(file))) {
    const auto previous = load_previous(previous_key_file(file));
    if (previous) loaded.ring.previous = *previous;
    if (!previous) loaded.problems.push_back(previous.error().message);
  }
  return loaded;
}

Status make_next_key(const std::string& file, bool replaces) {
  if (const auto current = load_key(file); !current) return current.error();
  const std::string next = next_key_file(file);
  if (exists(next) && !replaces) {
    return Error{ErrorCode::refused, fmt::format("{} exists already, and other machines may have it: go on with it "
                                                 "(--activate), or --force makes another one, to be copied anew",
                                                 next)};
  }
  return write_private_file(next, wire::format_key(wire::generate_key()), replaces);
}

Status activate_next_key(const std::string& file, wire::UnixSeconds now, wire::UnixSeconds until, bool replaces) {
  const std::string next_file = next_key_file(file);
  const std::string previous_file = previous_key_file(file);
  if (!exists(next_file)) {
    return Error{ErrorCode::refused, fmt::format("{} is missing: make it with `clusteragent keygen --next` on one node "
                                                 "and copy it to the other machines first",
                                                 next_file)};
  }
  const auto loaded = load_key_ring(file);
  if (!loaded) return loaded.error();
  if (!loaded->ring.next) return Error{ErrorCode::configuration, loaded->problems.front()};
  const auto& previous = loaded->ring.previous;
  const bool gives_up_another = previous && previous->until > now && previous->key != loaded->ring.current;
  if (gives_up_another && !replaces) {
    return Error{ErrorCode::refused, fmt::format("{} is accepted until {}: the change before this one is not over; "
                                                 "`clusteragent keygen --retire` ends it, --force gives it up",
                                                 previous_file, wire::format_time(previous->until))};
  }
  // First, so that whatever happens next, what the others sign with is accepted.
  const std::string text = wire::format_previous({loaded->ring.current, until});
  if (const Status saved = write_private_file(previous_file, text, true); !saved) return saved;
  if (::rename(next_file.c_str(), file.c_str()) != 0) return failed(file, "cannot replace");
  return sync_folder_of(file);
}

Result<bool> retire_previous_key(const std::string& file) {
  const std::string previous = previous_key_file(file);
  if (::unlink(previous.c_str()) != 0) {
    if (errno == ENOENT) return false;
    return failed(previous, "cannot remove");
  }
  if (const Status synced = sync_folder_of(file); !synced) return synced.error();
  return true;
}

}  // namespace clusteragent::transport
