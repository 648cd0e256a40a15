#pragma once
// How an agent reaches the third voter where that is a register: the production RegisterConversation over the simulated
// links, with a deadline for each request. Owned by its Agent and of one life, as that; frozen with it.
#include <deque>
#include <optional>
#include <utility>

#include "agent/core/actions.hpp"
#include "agent/witness/register_conversation.hpp"

namespace clusteragent::simulation {

class Host;
class World;

class RegisterClient {
 public:
  using Response = witness::RegisterConversation::Response;

  RegisterClient(World& world, Host& host, std::uint64_t life, const core::Policy& policy);

  void ask(const core::AskWitness& question);
  void take(std::uint64_t number, const Response& response);
  /// The agent goes on: what came meanwhile is looked at now.
  void thaw();

 private:
  void process(std::uint64_t number, const Response& response);
  void give_up(std::uint64_t number);
  void pump();
  void later(Duration delay, std::function<void(RegisterClient&)> work);
  bool is_frozen() const;

  World& world_;
  Host& host_;
  std::uint64_t life_;
  Duration limit_;
  witness::RegisterConversation conversation_;
  std::uint64_t number_ = 0;  // of the newest request
  bool is_open_ = false;      // and it is not answered
  std::deque<std::pair<std::uint64_t, Response>> unread_;
  std::optional<Instant> look_planned_;
};

}  // namespace clusteragent::simulation
