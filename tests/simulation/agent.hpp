#pragma once
// One life of an agent process: the core, a mailbox and the simulated ports. It dies with the process; what outlives it
// is in Kernel and Disk. The contract of Cluster's caller is kept here: actions in order and at once, one answer a
// token and never from inside step, frames before the deadline of the same moment.
#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "agent/core/cluster.hpp"
#include "agent/core/ports.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/prng.hpp"
#include "tests/simulation/register_client.hpp"

namespace clusteragent::simulation {

class Host;
class World;

class Agent final : public core::HeartbeatPort,
                    public core::VipPort,
                    public core::PermitPort,
                    public core::ScriptPort,
                    public core::StatePort,
                    public core::WatchPort,
                    public core::WitnessPort,
                    public core::ProviderPort,
                    public core::HandoverPort,
                    public core::OperatorPort,
                    public core::ReaderPort {
 public:
  /// A stopped process finds at most this much waiting: what a socket buffer and an event queue hold.
  static constexpr std::size_t mailbox_events_max = 512;

  Agent(World& world, Host& host, core::Policy policy, std::uint64_t life, const core::Handover* left);

  void post(core::Event event);
  /// Frozen: nothing is processed, everything waits.
  void set_frozen(bool on);
  void arm_timer();

  const core::View& view() const { return view_; }
  const core::Cluster& cluster() const { return cluster_; }
  const core::Policy& policy() const { return policy_; }
  std::uint64_t life() const { return life_; }
  bool is_frozen() const { return is_frozen_; }
  /// The register that is the third voter has answered.
  void registered(std::uint64_t number, const witness::RegisterConversation::Response& response) {
    register_client_.take(number, response);
  }
  /// The application's process ended; noticed where a watch is armed.
  void service_died();
  /// A process of the secondary role ended.
  void standby_process_died();
  /// From now on, as often as the provider does.
  void say_replica();

  void send(const core::SendHeartbeat&) override;
  void acquire(const core::AcquireVip&) override;
  void release(const core::ReleaseVip&) override;
  void announce() override;
  void speak(const core::SpeakOnLan&) override;
  void set(const core::SetPermit&) override;
  void revoke() override;
  void run(const core::RunScript&) override;
  void cancel(Token) override;
  void persist(const core::PersistState&) override;
  void arm(core::WatchClass) override;
  void disarm(core::WatchClass) override;
  void ask(const core::AskWitness&) override;
  void lead(const core::LeadData&) override;
  void follow(const core::FollowData&) override;
  void allow_solo(const core::AllowSolo&) override;
  void release(const core::ReleaseData&) override;
  void hand_over(const core::HandOver&) override;
  void reply(const core::Reply&) override;
  void note(const core::Note&) override;
  void acquire_reader(const core::AcquireReader&) override;
  void release_reader(const core::ReleaseReader&) override;
  void set_reader_permit(const core::SetReaderPermit&) override;
  void revoke_reader_permit() override;

 private:
  void step(const core::Event& event);
  void carry_out(const core::Action& action);
  void deadline_came();
  void drain();
  void finish_after(Duration delay, Token token, core::Outcome outcome, std::string detail = {});
  void fail_to_lead_after(Duration delay, Token token);
  void poll_watch(std::uint64_t generation);
  void script_ended(std::uint64_t script, Token token, core::Outcome outcome, bool is_told);
  Duration vip_change_ends();
  /// Runs `work(Agent&)` later if this life still goes on.
  void later(Duration delay, std::function<void(Agent&)> work);

  World& world_;
  Host& host_;
  core::Policy policy_;
  std::uint64_t life_;
  Prng prng_;
  core::Cluster cluster_;
  core::View view_;
  std::deque<core::Event> mailbox_;
  RegisterClient register_client_;
  TrueTime vip_free_at_{};
  std::optional<Instant> armed_for_;
  std::uint64_t timer_generation_ = 0;
  std::uint64_t watch_generation_ = 0;
  std::uint32_t immediate_deadlines_ = 0;
  bool is_frozen_ = false;
  bool is_deadline_waiting_ = false;
  std::array<bool, 5> watches_{};  // by WatchClass
};

}  // namespace clusteragent::simulation
