// What this copy is: which history it has, and where it may differ from another copy of it.
#include <errno.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstring>

#include "agent/data/filesync/engine/engine.hpp"

namespace clusteragent::filesync {

std::string Engine::identity() const {
  std::string all;
  for (const Mirror& mirror : mirrors_) all += "+" + identity_of(mirror.root.number());
  return all;
}

Standing Engine::standing() const {
  const Standing found = history_->read(identity()).standing;
  return found.has_led && !Journal::read(options_->state_path, found.history) ? Standing{} : found;
}

Marks Engine::own_marks() const {
  Marks marks;
  const Standing own = standing();
  if (!own.has_led) return marks;
  const auto entries = Journal::read(options_->state_path, own.history);
  if (!entries) marks.doubt_all();
  for (const Entry& entry : entries.value_or(std::vector<Entry>{})) doubt(marks, entry);
  return marks;
}

void Engine::forget_history() {
  if (const Status forgotten = history_->forget(); !forgotten)
    leader_events().note('C', forgotten.error().message +
                                  "; remove that file by hand: copies that differ would be "
                                  "taken for equal ones");
}

void Engine::lose_journal(const std::string& reason) {
  const Status forgotten = history_->forget();
  const std::string then = forgotten
                               ? "should this node crash, the whole directory is compared afterwards"
                               : forgotten.error().message +
                                     "; remove that file by hand, or a crash of this node may leave copies that differ";
  tell({{"is", "note"}, {"level", forgotten ? "E" : "C"}, {"text", reason + "; " + then}});
}

Status Engine::begin_history() {
  const Standing before = standing();
  led_ = before;
  std::vector<Entry> known;
  if (before.has_led) {
    known = Journal::read(options_->state_path, before.history).value_or(std::vector<Entry>{{}});
  } else {
    std::array<std::uint64_t, 2> random{};
    if (::getrandom(random.data(), sizeof random, 0) != sizeof random)
      return Error{ErrorCode::system, fmt::format("the system gives no random numbers: {}", std::strerror(errno))};
    led_ = Standing{true, {random[0], random[1]}, before.history};
  }
  journal_ = std::make_shared<Journal>(options_->state_path, led_.history,
                                       [this](const std::string& reason) { lose_journal(reason); });
  Status begun = journal_->begin(known);
  if (begun) begun = history_->write({led_, 0}, identity());
  if (begun) return begun;
  journal_.reset();
  // A replica that came back with the old name would be believed.
  const Status forgotten = history_->forget();
  if (!forgotten) {
    return Error{ErrorCode::system,
                 fmt::format("{}; it says which copy {} is, and must not outlive the next write. Make its file system "
                             "writable, or remove it by hand",
                             forgotten.error().message, data::directories_text(*options_))};
  }
  lose_journal(begun.error().message);
  return success();
}

Status Engine::set_standing(const Standing& standing) {
  if (!standing.history) return history_->forget();
  const Status written = history_->write({standing, 0}, identity());
  if (written) return written;
  // It costs a comparison of everything, later; the copy is good without it.
  tell({{"is", "note"},
        {"level", "E"},
        {"text",
         fmt::format("{}; after the next loss of a node the whole directory is compared", written.error().message)}});
  return history_->forget();
}

}  // namespace clusteragent::filesync
