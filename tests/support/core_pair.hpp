#pragma once
// Two cores wired to each other by hand: no queueing network, no clock of its own. For unit tests that read as
// sentences; the simulator is the place for delays and faults. Not thread-safe.
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/cluster.hpp"

namespace clusteragent::test {

class CorePair {
 public:
  explicit CorePair(void (*adjust)(core::Policy&) = nullptr);

  void run_for(Duration duration);
  void operate(int node, core::Verb verb, bool force = false, std::string identity = {});
  void shut_down(int node);
  void maintain(int node, Duration lasts);  // zero: off
  void tell(int node, const core::Event& event);
  void start_both();

  core::View view(int node) const { return cores_[static_cast<std::size_t>(node)]->view(); }
  std::string state(int node) const;  // "PRIM Ready"
  core::Reply last_reply() const { return replies_.back(); }
  std::vector<std::string> scripts(int node) const { return scripts_[static_cast<std::size_t>(node)]; }
  std::string notes(int node) const;
  void forget_scripts();
  void end_hanging_writes(int node);  // those under way; the next one hangs again while disk_hangs
  void restart_agent(int node);       // a new life from what is durable; its kernel keeps nothing
  /// A new life from what the former one left; false: it left nothing.
  bool resume_agent(int node);
  std::array<std::optional<core::Handover>, 2> left{};
  std::array<bool, 2> handover_fails{false, false};

  // The world
  std::array<bool, 2> hears{true, true};  // node n hears the other
  std::array<bool, 2> is_up{true, true};
  std::array<bool, 2> is_frozen{false, false};
  std::array<bool, 2> disk_hangs{false, false};  // no answer to PersistState until it is cleared
  std::array<bool, 2> disk_is_full{false, false};
  std::optional<core::ScriptKind> failing_script;  // on the nodes of failing_on
  std::array<bool, 2> failing_on{true, true};
  /// LeadData fails; what the provider says of whether anything could have been written meanwhile.
  std::array<std::optional<bool>, 2> lead_fails_untouched{};
  std::optional<core::ScriptKind> hanging_script;  // never ends until cancelled
  std::array<bool, 2> kernel_has_vip{false, false};
  std::array<bool, 2> kernel_has_reader{false, false};
  std::array<bool, 2> reader_fails{false, false};
  std::array<std::optional<Instant>, 2> permit{};
  std::array<core::DurableState, 2> disk{};
  std::array<bool, 2> may_go_solo{false, false};  // the provider was told so; never reset here

  bool answers_for_vip(int node) const;
  Instant now() const { return now_; }
  /// Longest time for which both kernels answered for the VIP.
  Duration double_primary{};

 private:
  void carry_out(int node, const core::ActionList& actions);
  void end_lead(int node, Token token);
  void run_script(int node, const core::RunScript& wanted);
  void deliver_all();
  void step(int node, const core::Event& event);
  core::Policy policy(int node) const;

  void (*adjust_)(core::Policy&);
  Instant now_ = Instant::from_nanoseconds(1'000'000'000);
  std::array<std::uint64_t, 2> lives_{1, 1};
  std::array<std::optional<core::Cluster>, 2> cores_;
  std::deque<std::pair<int, core::Event>> queue_;
  std::array<std::vector<core::PersistState>, 2> unwritten_;
  std::array<std::vector<core::ActionFinished>, 2> hanging_;
  std::array<std::vector<std::string>, 2> scripts_;
  std::array<std::string, 2> notes_;
  std::vector<core::Reply> replies_;
  std::uint64_t next_request_ = 1;
};

}  // namespace clusteragent::test
