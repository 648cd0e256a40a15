#pragma once
// The scripts that run on a host. They are processes of the kernel: they go on while the agent is stopped, and end with
// the guard or the power. Owned by Host; single-threaded.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/actions.hpp"
#include "tests/simulation/event_queue.hpp"

namespace clusteragent::simulation {

struct ScriptBehaviour {
  bool fails = false;
  bool hangs = false;
  bool ignores_term = false;
  std::optional<Duration> takes;  // nullopt: drawn from Timing::script
};

class ScriptTable {
 public:
  struct Running {
    std::uint64_t id = 0;
    std::uint64_t life = 0;  // of the agent that began it
    core::RunScript script;
    TrueTime began{};
  };

  ScriptBehaviour& behaviour(core::ScriptKind kind) { return behaviours_[static_cast<std::size_t>(kind)]; }
  void behave() { behaviours_ = {}; }

  std::uint64_t begin(const core::RunScript& script, std::uint64_t life, TrueTime now) {
    running_.push_back(Running{++last_id_, life, script, now});
    return last_id_;
  }
  /// nullopt: it was killed before.
  std::optional<Running> end(std::uint64_t id) {
    for (auto at = running_.begin(); at != running_.end(); ++at) {
      if (at->id == id) {
        Running ended = std::move(*at);
        running_.erase(at);
        return ended;
      }
    }
    return std::nullopt;
  }
  void kill_all() { running_.clear(); }
  const std::vector<Running>& running() const { return running_; }
  std::optional<std::uint64_t> find(std::uint64_t life, Token token) const {
    for (const Running& one : running_) {
      if (one.life == life && one.script.token == token) {
        return one.id;
      }
    }
    return std::nullopt;
  }

 private:
  std::array<ScriptBehaviour, core::script_kinds> behaviours_{};
  std::vector<Running> running_;
  std::uint64_t last_id_ = 0;
};

}  // namespace clusteragent::simulation
