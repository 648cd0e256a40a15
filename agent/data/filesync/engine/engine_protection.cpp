// The directories while nothing runs: taken over from a former engine, closed at a release, opened again by the next
// role, which looks whether anybody changed them meanwhile.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agent/base/assert.hpp"
#include "agent/data/filesync/engine/engine.hpp"
#include "agent/data/filesync/store/kept_file.hpp"
#include "agent/data/filesync/store/protection.hpp"

namespace clusteragent::filesync {
namespace {

constexpr const char* tampering_name = "tampered.json";
// Milliseconds: twice the longest tick of a kernel.
constexpr int ticks_max = 20;

std::int64_t wall_clock_ns(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

Status Engine::set_up() {
  if (!mirrors_.empty()) return success();
  if (const Status alone = lock_->take(); !alone) return alone;
  load_verification();
  load_tampering();
  mirrors_.resize(options_->directories.size());
  for (std::size_t at = 0; at < mirrors_.size(); ++at) {
    const data::EngineDirectory& wanted = options_->directories[at];
    auto exclusion = Exclusion::make(wanted.excluded);
    // The reader of the configuration has compiled the same expressions.
    CLUSTERAGENT_ASSERT(exclusion);
    mirrors_[at].exclusion = std::move(*exclusion);
  }
  return success();
}

void Engine::tell_dead_mounts() {
  for (const data::EngineDirectory& each : options_->directories) {
    // An application that has not ended yet would write past the mount, and nobody would know.
    if (!fuse::has_stale_mount(each.path)) continue;
    leader_events().note(
        'E', fmt::format("a former engine died and left its mount on {}, where everything fails now, so that "
                         "an application that still runs writes nothing past it. The module takes it away "
                         "when the application has been stopped, or when it starts: clusteragent start",
                         each.path));
  }
}

bool Engine::remove_stale_mounts() {
  bool was_there = false;
  for (const data::EngineDirectory& each : options_->directories) {
    if (!fuse::remove_stale_mount(each.path)) continue;
    was_there = true;
    leader_events().note('E', "removed the mount that a former engine left behind on " + each.path);
  }
  return was_there;
}

void Engine::close_after_crash() {
  // Nothing is touched before it is certain that the former engine has ended.
  if (mirrors_.empty() || !remove_stale_mounts()) return;
  if (open_directories()) {
    const std::string here = identity();
    HistoryRecord record = history_->read(here);
    if (!record.standing.has_led) protect();
    remember_closing(std::move(record), here);
  }
  for (Mirror& mirror : mirrors_) mirror.root.reset();
}

bool Engine::is_in_place() const {
  return std::ranges::all_of(mirrors_,
                             [](const Mirror& mirror) { return !mirror.session || mirror.session->is_in_place(); });
}

void Engine::close() {
  const bool was_open = !mirrors_.empty() && mirrors_.front().root;
  const bool was_follower = follower_ != nullptr;
  const std::string here = was_open ? identity() : std::string{};
  const bool is_replaced = was_open && !is_in_place();
  if (leader_) forget_tampering();
  let_go();
  if (is_replaced) {
    leader_events().note('C', fmt::format("{} does not show what this engine had mounted there any more; what is there "
                                          "now stays as it is. What was written past the engine is not on the other "
                                          "node: everything is compared at the next start",
                                          data::directories_text(*options_)));
    return forget_history();
  }
  if (was_follower) protect();
  if (!was_open) return close_after_crash();
  remember_closing(history_->read(here), here);
}

void Engine::remember_closing(HistoryRecord record, const std::string& here) {
  if (!record.standing.history) return;
  record.closed_ns = wall_clock_ns(CLOCK_REALTIME);
  // File systems take the time of the last tick; what is written after the answer must not seem older than it.
  for (int turn = 0; turn < ticks_max && wall_clock_ns(CLOCK_REALTIME_COARSE) <= record.closed_ns; ++turn)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  if (!history_->write(record, here)) static_cast<void>(history_->forget());
}

void Engine::protect() {
  const auto note = leader_events().note;
  for (const data::EngineDirectory& each : options_->directories) {
    if (const Status closed = protect_directory(each.path); !closed)
      note('E', closed.error().message + "; while the module is stopped whoever writes there is not stopped");
  }
}

Status Engine::reopen(bool is_to_lead) {
  remove_stale_mounts();
  for (const data::EngineDirectory& each : options_->directories) {
    if (const Status open = unprotect_directory(each.path); !open) return open;
  }
  if (const Status opened = open_directories(); !opened) return opened;
  const HistoryRecord record = history_->read(identity());
  if (record.closed_ns == 0) return success();
  std::uint64_t count = 0;
  std::vector<std::string> first;
  const std::vector<Directory> all = directories();
  const std::vector<std::string> before = prefixes();
  for (std::size_t at = 0; at < all.size(); ++at) {
    const Changes changes = changes_since(all[at], record.closed_ns);
    count += changes.count;
    for (const std::string& path : changes.first) {
      if (first.size() < changes_told_max) first.push_back(before[at] + path);
    }
  }
  if (count > 0) {
    // First: once the history is gone, nothing else says that there was a change.
    tell_tampering(count, first, is_to_lead, record.standing.has_led);
    forget_history();
  } else if (!history_->write({record.standing, 0}, identity())) {
    // From the first change on the time says nothing any more, also after a crash.
    forget_history();
  }
  return success();
}

void Engine::tell_tampering(std::uint64_t count, const std::vector<std::string>& first, bool is_to_lead, bool has_led) {
  std::string paths;
  for (const std::string& path : first) paths += fmt::format("{}\"{}\"", paths.empty() ? "" : ", ", path);
  if (count > first.size()) paths += fmt::format(" and {} more", count - first.size());
  const std::string what = fmt::format("{} was changed while the module was stopped on this node: {}",
                                       data::directories_text(*options_), paths);
  const auto note = leader_events().note;
  // The newest copy may be worked on.
  if (is_to_lead && has_led) return note('E', what + "; everything is compared when the other node comes");
  const data::Json tampered = {{"count", count}, {"first", first}};
  {
    const std::lock_guard lock{mutex_};
    tampered_ = tampered;
  }
  const std::string kept = tampered.dump(-1, ' ', false, data::Json::error_handler_t::replace);
  if (const Status done = keep_file(options_->state_path, tampering_name, kept); !done)
    note('E', "should this node crash, it forgets that it has changes to keep aside: " + done.error().message);
  note('C', what + (is_to_lead                        ? "; it is a part of the module's data now: this node is primary"
                    : options_->salvage_bytes_max > 0 ? "; the copy from the primary overwrites it and keeps it aside: "
                                                        "clusteragent salvage list"
                                                      : "; the copy from the primary overwrites it"));
}

void Engine::load_tampering() {
  const std::lock_guard lock{mutex_};
  if (const auto text = kept_file(options_->state_path, tampering_name))
    tampered_ = data::Json::parse(*text, nullptr, false);
}

void Engine::forget_tampering() {
  const std::lock_guard lock{mutex_};
  if (tampered_.is_null()) return;
  tampered_ = {};
  ::unlink((options_->state_path + "/" + tampering_name).c_str());
}

}  // namespace clusteragent::filesync
