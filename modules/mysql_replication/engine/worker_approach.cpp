// Before a planned change of roles the standby is to be close: the clients of this server go on meanwhile.
#include <fmt/format.h>

#include <filesystem>

#include "agent/data/filesync/store/kept_file.hpp"
#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

// With so long a wait a few clients commit slower than any standby applies, and no client takes its server for dead.
constexpr std::uint64_t slowed_us = 50'000;
// In the state folder while commits are slowed: whoever comes after an engine that died sets them back.
constexpr const char* quick_file = "commit_delay";

}  // namespace

void Worker::begin_approach(const Json& command) {
  const bool is_wanted = command.value("is_handed_over", false) && role_ == Role::primary && !owed_;
  if (!is_wanted || !own_.is_reachable || own_.state.is_read_only) return begin(Role::none, command);
  end_approach();
  approach_.emplace(Clock::now(), !server_.dialect()->commit_delay_query().empty());
  approached_ = command;
}

void Worker::come_closer() {
  if (quick_ && !approach_ && own_.is_reachable) quicken_commits();
  if (!approach_) return;
  const auto now = Clock::now();
  switch (approach_->look(own_, peer_, now)) {
    case Approach::Verdict::wait:
      return;
    case Approach::Verdict::slow:
      if (!quick_) {
        const Status done = slow_commits();
        if (done) return;
        note('I', "commits cannot be slowed until the standby is close: " + done.error().message);
        break;
      }
      return;
    case Approach::Verdict::close:
      break;
    case Approach::Verdict::lost:
      note('E', "the standby is not waited for: it does not apply what it receives, or is not reached");
      break;
    case Approach::Verdict::over:
      note('E', fmt::format("the standby is {} ms behind and does not come closer; nobody can write until it has "
                            "applied what it received",
                            approach_->behind(now).count()));
      break;
  }
  begin(Role::none, std::exchange(approached_, {}));
}

void Worker::end_approach() {
  approach_.reset();
  if (quick_ && own_.is_reachable) quicken_commits();
  if (approached_.is_null()) return;
  // Another order came before the standby was close.
  const Json command = std::exchange(approached_, {});
  owed_ = Owed{command.at("token"), Role::none, Clock::now()};
  answer(false, "another order came before this one was carried out");
}

Status Worker::slow_commits() {
  const auto before = server_.commit_delay();
  if (!before) return before.error();
  if (!*before) return Error{ErrorCode::refused, "this server has no setting for that"};
  const Json kept = {{"delay_us", (*before)->microseconds}, {"commits", (*before)->commits}};
  const Status known = filesync::keep_file(options_.state_path, quick_file, kept.dump() + "\n");
  if (!known) return known;
  quick_ = *before;
  note('E', fmt::format("the standby is {} ms behind: each commit waits {} ms until it is close",
                        approach_->behind(Clock::now()).count(), slowed_us / 1000));
  return server_.set_commit_delay(server_.dialect()->slowed_by(slowed_us));
}

void Worker::quicken_commits() {
  const Status done = server_.set_commit_delay(*quick_);
  if (!done) {
    if (std::exchange(quick_problem_, done.error().message) != quick_problem_)
      note('C', "commits are still slowed: " + quick_problem_);
    return;
  }
  quick_.reset();
  quick_problem_.clear();
  std::error_code ignored;
  std::filesystem::remove(options_.state_path + "/" + quick_file, ignored);
}

void Worker::load_quick() {
  const auto text = filesync::kept_file(options_.state_path, quick_file);
  if (!text) return;
  const Json json = Json::parse(*text, nullptr, false);
  quick_.emplace();
  if (!json.is_object()) return;
  quick_->microseconds = json.value("delay_us", std::uint64_t{0});
  quick_->commits = json.value("commits", std::uint64_t{0});
}

}  // namespace clusteragent::mysql
