#pragma once
// The provider of one host: what mirrors the application's data to the other host, reduced to what the core's rules
// rest on. A log of writes on disk that outlives everything, and a process that outlives the agent. A write is
// acknowledged when it is on both logs, or on this one where the core has said so, and only while the permit lives.
// Owned by Host; single-threaded.
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "agent/core/actions.hpp"
#include "agent/core/events.hpp"
#include "tests/simulation/prng.hpp"

namespace clusteragent::simulation {

class World;

class Mirror {
 public:
  Mirror(World& world, NodeId self, Prng prng);

  // Of the agent of that life
  void lead(const core::LeadData& wanted, std::uint64_t life);
  void follow(const core::FollowData& wanted, std::uint64_t life);
  void allow_solo(const core::AllowSolo& allowed);
  void release();

  void power_lost();
  /// A client's write through the virtual IP.
  void write(std::uint64_t id);

  bool leads() const { return role_ == Role::primary; }
  Epoch epoch() const { return epoch_; }
  bool holds(std::uint64_t id) const;
  bool is_consistent() const { return is_consistent_; }

 private:
  enum class Role : std::uint8_t { none, primary, secondary };
  enum class Mode : std::uint8_t { solo, copying, waiting, both };

  Mirror& other();
  bool is_connected();
  void change_role(Role role, Epoch epoch, std::uint64_t life);
  void look();  // is the other one there?
  void connection_lost();
  void begin_copy();
  void end_copy(std::uint64_t role_number);
  void resend();
  void replicate(std::uint64_t id);
  void acknowledge(std::uint64_t id);
  void acknowledge_waiting();
  void post(core::Event event);

  World& world_;
  NodeId self_;
  Prng prng_;
  // On disk
  std::vector<std::uint64_t> log_;  // ascending
  bool is_consistent_ = true;
  Epoch fence_;  // nothing of an older epoch is taken
  // In memory
  Role role_ = Role::none;
  Mode mode_ = Mode::waiting;
  Epoch epoch_;
  std::uint64_t life_ = 0;
  std::uint64_t role_number_ = 0;
  std::uint64_t copy_number_ = 0;
  std::deque<std::uint64_t> waiting_;  // on this log and not acknowledged
};

}  // namespace clusteragent::simulation
