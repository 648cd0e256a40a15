// The directory of a secondary while nothing runs: closed at a release, opened again by the next role, and compared
// with how it was left.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "agent/data/filesync/engine/engine.hpp"
#include "agent/data/filesync/store/kept_file.hpp"
#include "agent/data/filesync/store/protection.hpp"
#include "agent/data/filesync/store/seal.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

constexpr const char* seal_name = "seal";
constexpr const char* tampering_name = "tampered.json";
// One that was told to end still hands over its last writes and seals the directory: what it does to mount and seal
// must not come after what this one does.
constexpr std::chrono::seconds former_limit{15};
constexpr std::chrono::milliseconds look_again{10};

}  // namespace

void Engine::await_former_engine() {
  if (life_) return;
  ::mkdir(options_->state_path.c_str(), 0750);
  life_ = platform::Fd{::open((options_->state_path + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
  const Instant until = platform::boottime_now() + former_limit;
  while (life_ && ::flock(life_.number(), LOCK_EX | LOCK_NB) != 0) {
    if (platform::boottime_now() > until)
      return leader_events().note('C', "a former replication engine of this module has not ended; going on beside it");
    std::this_thread::sleep_for(look_again);
  }
}

void Engine::close_directory() {
  const auto note = leader_events().note;
  if (const Status closed = protect_directory(options_->directory); !closed)
    note('E', closed.error().message + "; while the module is stopped whoever writes there is not stopped");
  owes_seal_ = true;
}

void Engine::seal_directory() {
  if (!std::exchange(owes_seal_, false)) return;
  const platform::Fd root{::open(options_->directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root) return;
  const Status kept = keep_file(options_->state_path, seal_name, text_of(seal_of(root.number())));
  if (!kept)
    leader_events().note('E', "changes while the module is stopped will not be noticed: " + kept.error().message);
}

Status Engine::reopen_directory(bool is_to_lead) {
  owes_seal_ = false;
  if (root_) return success();
  if (const Status open = unprotect_directory(options_->directory); !open) return open.error();
  if (const Status opened = open_directory(); !opened) return opened;
  const auto text = kept_file(options_->state_path, seal_name);
  const auto seal = text ? seal_from(*text) : std::nullopt;
  // From the first change on it says nothing any more, also after a crash.
  ::unlink((options_->state_path + "/" + seal_name).c_str());
  const auto found = seal ? tampering_since(root_.number(), *seal) : std::nullopt;
  if (!found) return success();
  std::string paths;
  for (const std::string& path : found->first) paths += fmt::format("{}\"{}\"", paths.empty() ? ": " : ", ", path);
  if (found->count > found->first.size()) paths += fmt::format(" and {} more", found->count - found->first.size());
  const std::string what =
      fmt::format("{} was changed while the module was stopped on this node{}", options_->directory,
                  paths.empty() ? "; what was changed is not known any more" : paths);
  const data::Json tampered = {{"count", found->count}, {"first", found->first}};
  {
    const std::lock_guard lock{mutex_};
    tampered_ = tampered;
  }
  const std::string kept = tampered.dump(-1, ' ', false, data::Json::error_handler_t::replace);
  (void)keep_file(options_->state_path, tampering_name, kept);
  leader_events().note(
      'C', what + (is_to_lead                        ? "; it is a part of the module's data now: this node is primary"
                   : options_->salvage_bytes_max > 0 ? "; the copy from the primary overwrites it and keeps it aside: "
                                                       "clusteragent salvage list"
                                                     : "; the copy from the primary overwrites it"));
  return success();
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
