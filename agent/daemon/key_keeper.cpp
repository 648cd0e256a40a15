#include "agent/daemon/key_keeper.hpp"

#include <fmt/format.h>

#include <utility>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {

using control::Json;

KeyKeeper::KeyKeeper(boost::asio::io_context& io, std::string file, transport::LoadedKeys loaded,
                     std::function<void(const std::vector<wire::Key>&)> on_change)
    : file_{std::move(file)},
      ring_{std::move(loaded.ring)},
      problems_{std::move(loaded.problems)},
      accepted_{ring_.accepted(platform::unix_seconds())},
      on_change_{std::move(on_change)},
      reader_{io, 1} {
  for (const std::string& problem : problems_) log::critical("keys", "{}; this key is left out", problem);
}

void KeyKeeper::reload(std::function<void(const Result<std::string>&)> done) {
  const bool is_started = reader_.start([this, file = file_, mail = reader_.mail(), done] {
    // The mail is dropped when this object is gone.
    mail.post([this, loaded = transport::load_key_ring(file), done] { take(loaded, done); });
  });
  if (!is_started) done(Error{ErrorCode::refused, "the keys are being read just now; ask again"});
}

void KeyKeeper::take(const Result<transport::LoadedKeys>& loaded,
                     const std::function<void(const Result<std::string>&)>& done) {
  if (!loaded || !loaded->problems.empty()) {
    const std::string why = loaded ? loaded->problems.front() : loaded.error().message;
    log::critical("keys", "keys not changed: {}", why);
    return done(Error{ErrorCode::refused, "keys not changed: " + why});
  }
  problems_.clear();
  ring_ = loaded->ring;
  apply();
  const std::string text = describe();
  log::event("keys", "keys read again: {}", text);
  done(text);
}

void KeyKeeper::expire() {
  if (!ring_.previous || platform::unix_seconds() < ring_.previous->until) return;
  const std::string id = wire::key_id_text(ring_.previous->key);
  ring_.previous.reset();
  apply();
  log::event("keys", "the time of the previous key {} is over: it is accepted no more", id);
}

void KeyKeeper::apply() {
  auto accepted = ring_.accepted(platform::unix_seconds());
  if (accepted == accepted_) return;
  accepted_ = std::move(accepted);
  on_change_(accepted_);
}

const char* KeyKeeper::role_of(std::size_t place) const {
  const wire::Key& key = accepted_.at(place);
  if (key == ring_.current) return "current";
  return ring_.next && key == *ring_.next ? "next" : "previous";
}

std::string KeyKeeper::describe() const {
  std::string text = "signs with " + wire::key_id_text(accepted_.front());
  for (std::size_t at = 1; at < accepted_.size(); ++at) {
    text += fmt::format(", accepts the {} {}", role_of(at), wire::key_id_text(accepted_[at]));
  }
  return text;
}

Json KeyKeeper::status() const {
  Json accepts = Json::array();
  for (std::size_t at = 0; at < accepted_.size(); ++at) {
    const std::string role = role_of(at);
    Json key{{"key_id", wire::key_id_text(accepted_[at])}, {"role", role}};
    if (role == "previous") key["left_s"] = ring_.previous->until - platform::unix_seconds();
    accepts.push_back(std::move(key));
  }
  return {{"signs_with", wire::key_id_text(accepted_.front())}, {"accepts", std::move(accepts)}};
}

std::vector<std::string> KeyKeeper::warnings(std::optional<std::size_t> peer_key) const {
  std::vector<std::string> warnings;
  for (const std::string& problem : problems_) warnings.push_back(problem + "; this key is left out");
  if (peer_key && *peer_key < accepted_.size() && std::string{role_of(*peer_key)} == "previous") {
    warnings.push_back(
        fmt::format("the other node signs with the previous key, which is accepted here until {}: run "
                    "clusteragent keygen --activate there, or the two lose sight of each other then",
                    wire::format_time(ring_.previous->until)));
  }
  return warnings;
}

}  // namespace clusteragent::daemon
