#pragma once
// RegisterConversation: what a node says to the register that is its third voter, and when. One request at a time, so
// that what is read never goes back; of the questions that wait only the newest counts. While another node may hold
// the promise it looks at the register by itself, so that the wait of RegisterVoter is over by the time of a verdict.
//
// Pure: one a life of the agent, driven by EtcdClient and by the simulator: after each call, what due() returns is
// sent; each of those is answered by one on_response or on_failure. `now` is this node's CLOCK_BOOTTIME. Bounds: one
// question under way, one that waits. Rules: docs/witness.md.
#include <optional>
#include <string>
#include <variant>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "agent/witness/register_voter.hpp"

namespace clusteragent::witness {

using RegisterRequest = std::variant<Read, Swap>;

class RegisterConversation {
 public:
  struct Options {
    std::string key;
    NodeId self;
    Duration lease{};  // the module's timeout
  };
  struct Response {
    Reading reading;           // of a Swap that took place: its revision; the value is not looked at
    bool has_swapped = false;  // false: what is there now was read
  };

  explicit RegisterConversation(Options options);

  void ask(Instant now, const core::AskWitness& question);
  /// What is to be sent now; nullopt: nothing, or an answer is awaited.
  std::optional<RegisterRequest> due(Instant now);
  std::optional<core::WitnessAnswered> on_response(Instant now, const Response& response);
  /// Lost, refused or too late: whether it was carried out is not known.
  void on_failure(Instant now);
  /// When due() has something although nothing happens; nullopt: never.
  std::optional<Instant> next_look_at() const;

  const std::string& problem() const { return voter_.problem(); }

 private:
  struct Asked {
    core::AskWitness question;
    Instant at;
  };

  Options options_;
  RegisterVoter voter_;
  std::optional<Asked> waiting_;
  std::optional<Asked> current_;  // nullopt while a request is under way: a look
  std::optional<RegisterRequest> next_;
  bool is_under_way_ = false;
  std::optional<Instant> asked_at_;
  Instant look_at_;
};

}  // namespace clusteragent::witness
