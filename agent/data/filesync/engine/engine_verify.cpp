// The verification, as the agent asks for it, and what is kept of the newest one.
#include <fmt/format.h>

#include "agent/data/filesync/engine/engine.hpp"
#include "agent/data/filesync/store/kept_file.hpp"

namespace clusteragent::filesync {
namespace {

constexpr const char* kept_name = "verify.json";

}  // namespace

Status Engine::verify(bool repairs) {
  if (!leader_) {
    return Error{ErrorCode::refused,
                 fmt::format("{} is not primary: the primary compares, because it knows what the other copy has to be; "
                             "ask there",
                             options_->node)};
  }
  return leader_->verify(repairs, prefixes());
}

void Engine::keep_verification(const VerifyReport& report) {
  const data::Json json = to_json(report);
  const Status kept =
      keep_file(options_->state_path, kept_name, json.dump(-1, ' ', false, data::Json::error_handler_t::replace));
  {
    const std::lock_guard lock{mutex_};
    verified_ = report;
  }
  const bool is_alarm = report.differences > 0;
  const std::string level = is_alarm ? "C" : report.state == VerifyState::ended ? "E" : "I";
  tell({{"is", "note"}, {"level", level}, {"text", summary_of(report, data::directories_text(*options_))}});
  if (!kept)
    tell({{"is", "note"},
          {"level", "E"},
          {"text", "the result of the verification is not kept: " + kept.error().message}});
}

void Engine::load_verification() {
  const auto text = kept_file(options_->state_path, kept_name);
  if (!text) return;
  const std::lock_guard lock{mutex_};
  verified_ = verify_report(data::Json::parse(*text, nullptr, false));
}

data::Json Engine::verification() const {
  if (leader_) {
    if (const auto running = leader_->verification()) return to_json(*running);
  }
  const std::lock_guard lock{mutex_};
  return verified_ ? to_json(*verified_) : data::Json{};
}

}  // namespace clusteragent::filesync
