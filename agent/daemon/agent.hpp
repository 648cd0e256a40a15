#pragma once
// Agent: one module's parts, put together around the core. Built on the decision thread, lives as long as its loop
// runs.
#include <memory>
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/control/server.hpp"
#include "agent/daemon/driver.hpp"
#include "agent/daemon/key_keeper.hpp"
#include "agent/daemon/permit_fan.hpp"
#include "agent/daemon/reader_address.hpp"
#include "agent/daemon/service_manager.hpp"
#include "agent/daemon/setup.hpp"
#include "agent/daemon/state_writer.hpp"
#include "agent/data/provider.hpp"
#include "agent/fence/guard_link.hpp"
#include "agent/fence/kernel_permit.hpp"
#include "agent/hooks/script_runner.hpp"
#include "agent/transport/heartbeat_transport.hpp"
#include "agent/vip/virtual_ip.hpp"
#include "agent/watch/process_watch.hpp"
#include "agent/witness/ping_client.hpp"
#include "agent/witness/third_voter.hpp"

namespace clusteragent::daemon {

class Agent : private core::OperatorPort, private core::HandoverPort {
 public:
  static Result<std::unique_ptr<Agent>> build(boost::asio::io_context& io, Setup setup, std::string agent_binary);
  ~Agent() override;

  /// Starts the module where it was wanted before; then the loop may run.
  void start();
  /// Stops the module in order and then the loop; asked twice, the loop ends at once.
  void shut_down();
  /// Why this life may not go on although it began; looked at when the loop has ended.
  const std::optional<Error>& refusal() const { return refusal_; }
  /// Reads the cluster keys again; the log says what came of it.
  void reload_keys();

 private:
  Agent(boost::asio::io_context& io, Setup setup, std::string agent_binary);

  Status open_transport();
  Status open_vip();
  Status open_watch();
  Status open_control();
  // agent_reader.cpp
  Status open_reader();
  core::ReaderPort& reader();
  void add_reader_status(control::Json& status, const core::ReaderView& view) const;
  // agent_witness.cpp
  Status open_witness();
  Status open_own_witness(const config::WitnessConfig& configured);
  Status open_etcd(const config::EtcdConfig& configured);
  Status open_ping(const config::PingConfig& configured);
  void add_ping_status(control::Json& status, Instant now) const;
  core::WitnessPort* witness_port() const;
  void add_witness_status(control::Json& status, const core::WitnessView& view, Instant now) const;
  // agent_data.cpp
  void run_alarm_script(const data::Json& said);
  Status open_data();
  Result<data::EngineProgram> filesync_program() const;
  Result<data::EngineProgram> mysql_program() const;
  core::ProviderPort& provider();
  std::vector<data::EngineKey> data_keys() const;
  void add_data_status(control::Json& status) const;
  void verify_data(RequestId request, const control::VerifyRequest& wanted);
  void verify_by_schedule(Instant now);
  void open_scripts();
  // agent_permit.cpp
  void open_permit(const fence::Addresses& addresses);
  void permit_vip(Instant until);
  void revoke_vip();
  void on_kernel_permit();
  // agent_keys.cpp
  void open_keys();
  void use_keys(const std::vector<wire::Key>& accepted);
  void add_key_status(control::Json& status) const;
  // agent_guard.cpp
  Status open_guard();
  void on_watchdog(std::chrono::seconds timeout, const std::string& problem);
  void add_watchdog_status(control::Json& status) const;
  void plan_guard(std::vector<platform::KernelMessage> removal);
  void tell_guard(const core::View& view);
  void end_guard();
  // agent_handover.cpp
  std::string handover_path() const;
  std::string configured_addresses() const;
  void take_over_from_former_life();
  Status settle_former_life();
  void hand_over(const core::HandOver& wanted) override;
  void end_after_handover();
  bool hands_over_in_maintenance();
  void add_maintenance_status(control::Json& status, const core::View& view, Instant now) const;
  void build_driver();

  void reply(const core::Reply& reply) override;
  void note(const core::Note& note) override;
  void deliver(core::Event event);
  void after_step();
  void on_tick();
  control::Json own_status() const;
  control::Json status() const;
  void print(char level, const std::string& text);

  boost::asio::io_context& io_;
  Setup setup_;
  std::string agent_binary_;
  ServiceManager service_manager_;
  std::unique_ptr<StateWriter> state_;
  std::unique_ptr<KeyKeeper> keys_;
  std::unique_ptr<transport::HeartbeatTransport> transport_;
  std::unique_ptr<witness::ThirdVoter> witness_;  // null: the module has none
  std::unique_ptr<witness::PingClient> ping_;     // null: no ping targets
  std::unique_ptr<data::EngineProvider> data_;    // null: nothing mirrors the data
  std::unique_ptr<vip::VirtualIp> vip_;
  std::unique_ptr<ReaderAddress> reader_;  // null: no address for readers
  std::unique_ptr<fence::KernelPermit> kernel_permit_;
  PermitFan permit_;
  bool kernel_lets_speak_ = false;  // since the last revocation
  bool is_kernel_asked_ = false;
  boost::asio::steady_timer kernel_wait_;
  std::unique_ptr<fence::GuardLink> guard_;
  std::chrono::seconds watchdog_timeout_{};  // in force; zero: not fed
  std::string watchdog_problem_;
  std::optional<Error> refusal_;
  Epoch released_epoch_{};  // for which the guard holds the release frames
  std::unique_ptr<hooks::ScriptRunner> scripts_;
  std::unique_ptr<watch::ProcessWatch> watch_;
  std::unique_ptr<core::VipPort> no_vip_;
  std::unique_ptr<control::ControlServer> control_;
  std::unique_ptr<Driver> driver_;
  boost::asio::steady_timer tick_;
  Instant next_tick_;
  Instant next_schedule_;
  std::vector<std::string> addresses_;  // virtual, for status
  std::vector<std::string> checked_interfaces_;
  std::vector<std::string> warnings_;
  std::string peer_report_;
  Instant peer_report_at_;
  std::string last_status_line_;
  Epoch scripts_epoch_{};
  bool is_shutting_down_ = false;
  bool is_handed_over_ = false;
  bool has_asked_to_part_ = false;
  std::optional<RequestId> parting_;       // the handover that SIGTERM in maintenance asked for
  std::optional<core::Handover> resumed_;  // what the former life left
};

}  // namespace clusteragent::daemon
