#include "agent/daemon/agent.hpp"

#include <fmt/format.h>

#include "agent/base/log.hpp"
#include "agent/base/version.hpp"
#include "agent/core/names.hpp"
#include "agent/daemon/mapping.hpp"
#include "agent/daemon/network.hpp"
#include "agent/daemon/policy.hpp"
#include "agent/hooks/service_group.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {

using control::Json;

namespace {

// The peer's report is sent this often, and the guard against a silent loop is fed.
constexpr auto tick_interval = std::chrono::seconds{1};
// Heartbeats carry the tick along, so that it costs no waking up of its own; where they are rarer it comes by itself.
constexpr auto tick_interval_max = std::chrono::milliseconds{1500};
// Scripts that were asked for ending get this long when the agent is told twice to end.
constexpr std::size_t log_bytes_max = 8 * 1024 * 1024;

/// A module without virtual address: there is nothing to set.
class NoVip : public core::VipPort {
 public:
  void acquire(const core::AcquireVip&) override {}
  void release(const core::ReleaseVip&) override {}
  void announce() override {}
  void speak(const core::SpeakOnLan&) override {}
};

/// A module without <errd> watches nothing.
class NoWatch : public core::WatchPort {
 public:
  void arm(core::WatchClass) override {}
  void disarm(core::WatchClass) override {}
};

/// A module without a witness asks none.
class NoWitness : public core::WitnessPort {
 public:
  void ask(const core::AskWitness&) override {}
};

NoWitness& no_witness() {
  static NoWitness instance;
  return instance;
}

NoWatch& no_watch() {
  static NoWatch instance;
  return instance;
}

log::Level level_of(core::Severity severity) {
  switch (severity) {
    case core::Severity::critical:
      return log::Level::critical;
    case core::Severity::event:
      return log::Level::event;
    case core::Severity::user:
      return log::Level::user;
    case core::Severity::info:
      return log::Level::info;
  }
  return log::Level::info;
}

}  // namespace

Agent::Agent(boost::asio::io_context& io, Setup setup, std::string agent_binary)
    : io_{io}, setup_{std::move(setup)}, agent_binary_{std::move(agent_binary)}, kernel_wait_{io}, tick_{io} {}

Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::build(boost::asio::io_context& io, Setup setup, std::string agent_binary) {
  std::unique_ptr<Agent> agent{new Agent{io, std::move(setup), std::move(agent_binary)}};
  log::set_module(agent->setup_.module);
  if (const Status s = log::set_file(agent->setup_.paths.log_file(agent->setup_.module), log_bytes_max); !s)
    return s.error();
  // The socket first: it also keeps a second agent of the same module out, before anything of the first is touched.
  if (const Status opened = agent->open_control(); !opened) return opened.error();
  agent->open_keys();
  agent->take_over_from_former_life();
  if (const Status opened = agent->open_transport(); !opened) return opened.error();
  if (const Status opened = agent->open_witness(); !opened) return opened.error();
  if (const Status opened = agent->open_vip(); !opened) return opened.error();
  if (const Status opened = agent->open_reader(); !opened) return opened.error();
  agent->open_scripts();
  if (const Status opened = agent->open_watch(); !opened) return opened.error();
  agent->state_ =
      std::make_unique<StateWriter>(io, agent->setup_.paths.state_file(agent->setup_.module),
                                    [raw = agent.get()](core::Event event) { raw->deliver(std::move(event)); });
  if (const Status opened = agent->open_data(); !opened) return opened.error();
  if (const Status opened = agent->open_guard(); !opened) return opened.error();
  agent->build_driver();
  if (const Status settled = agent->settle_former_life(); !settled) return settled.error();
  return agent;
}

Status Agent::open_control() {
  control::Handlers handlers;
  handlers.status = [this] { return status(); };
  handlers.operate = [this](const core::OperatorRequest& request) { deliver(request); };
  handlers.print = [this](char level, const std::string& text) { print(level, text); };
  handlers.reload_keys = [this](RequestId request) {
    keys_->reload([this, request](const Result<std::string>& read) {
      control_->reply({request, static_cast<bool>(read), read ? *read : read.error().message});
    });
  };
  handlers.verify = [this](RequestId request, const control::VerifyRequest& wanted) { verify_data(request, wanted); };
  auto opened = control::ControlServer::open(io_, setup_.paths.socket(setup_.module), std::move(handlers));
  if (!opened) return opened.error();
  control_ = std::move(*opened);
  return success();
}

Status Agent::open_transport() {
  transport::Options options;
  options.module = setup_.module;
  options.self = setup_.self;
  options.incarnation = setup_.incarnation;
  options.cluster_key = keys_->accepted().front();
  options.timeout = setup_.config.heart.timeout;
  for (const config::HeartbeatPath& path : config::heartbeat_paths(setup_.config, setup_.cluster, setup_.self)) {
    const auto local = resolve(path.local);
    if (!local) return local.error();
    const auto peer = resolve(path.peer);
    if (!peer) return peer.error();
    options.paths.push_back({path.ident, local->text(), peer->text(), path.port});
  }
  auto opened = transport::HeartbeatTransport::open(
      io_, std::move(options), [this](core::Event event) { deliver(std::move(event)); },
      [this](const std::string& text, Instant received) {
        peer_report_ = text;
        peer_report_at_ = received;
      });
  if (!opened) return opened.error();
  transport_ = std::move(*opened);
  transport_->set_keys(keys_->accepted());
  return success();
}

Status Agent::open_vip() {
  if (!setup_.config.has_virtual_address()) {
    no_vip_ = std::make_unique<NoVip>();
    return success();
  }
  auto mapped = vip_options(setup_.config, false);
  if (!mapped) return mapped.error();
  fence::Addresses addresses;
  for (const auto& address : mapped->addresses) {
    addresses.push_back(address.address);
    addresses_.push_back(address.address.to_string());
  }
  checked_interfaces_ = mapped->checked_interfaces;
  mapped->voice =
      vip::LanVoice{setup_.self, wire::derive_key(keys_->accepted().front(), wire::Purpose::lan, setup_.module)};
  mapped->on_removal_plan = [this](std::vector<platform::KernelMessage> removal) { plan_guard(std::move(removal)); };
  mapped->adopts = resumed_ && resumed_->holds_vip;
  auto opened = vip::VirtualIp::open(io_, std::move(*mapped), [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  vip_ = std::move(*opened);
  permit_.add({[this](const core::SetPermit& permit) { permit_vip(permit.until); }, [this] { revoke_vip(); }});
  open_permit(addresses);
  return success();
}

void Agent::open_scripts() {
  hooks::Options options = script_options(setup_, agent_binary_);
  // Two nodes of one machine, as in the sandbox, must not share a group: the root tells them apart.
  const std::string label = fmt::format("{}-{:x}", setup_.module, std::hash<std::string>{}(setup_.paths.root));
  if (auto group = hooks::default_service_cgroup(label)) options.service_cgroup = *group;
  scripts_ = std::make_unique<hooks::ScriptRunner>(io_, std::move(options),
                                                   [this](core::Event event) { deliver(std::move(event)); });
}

Status Agent::open_watch() {
  if (!setup_.config.errd) return success();
  watch::Options options = watch_options(*setup_.config.errd);
  options.run_command = [this](std::vector<std::string> arguments, Duration limit, bool is_handler,
                               std::function<void(const watch::CommandAnswer&)> done) {
    scripts_->command({std::move(arguments), limit, is_handler}, [done](const hooks::CommandResult& result) {
      done({result.is_success, result.detail, result.output});
    });
  };
  auto created =
      watch::ProcessWatch::create(io_, std::move(options), [this](core::Event event) { deliver(std::move(event)); });
  if (!created) return created.error();
  watch_ = std::move(*created);
  return success();
}

void Agent::build_driver() {
  std::array<bool, core::script_kinds> has_script{};
  for (std::size_t at = 0; at < core::script_kinds; ++at)
    has_script[at] = scripts_->exists(static_cast<core::ScriptKind>(at));
  core::Policy policy = make_policy(setup_.config, setup_.cluster, setup_.self, setup_.incarnation, has_script);
  policy.module = setup_.module;
  policy.checked_interfaces = checked_interfaces_;
  core::VipPort& vip = vip_ ? static_cast<core::VipPort&>(*vip_) : *no_vip_;
  core::WatchPort& watch = watch_ ? static_cast<core::WatchPort&>(*watch_) : no_watch();
  core::WitnessPort& witness = witness_port() != nullptr ? *witness_port() : no_witness();
  const Instant now = platform::boottime_now();
  core::Cluster cluster = resumed_ ? core::Cluster{std::move(policy), setup_.durable, now, *resumed_}
                                   : core::Cluster{std::move(policy), setup_.durable, now};
  driver_ = std::make_unique<Driver>(
      io_, std::move(cluster),
      core::Ports{*transport_, vip, permit_, *scripts_, *state_, watch, witness, provider(), *this, *this, reader()},
      [this] { transport_->drain(); }, [this] { after_step(); });
}

void Agent::start() {
  driver_->start();
  for (const std::string& interface : checked_interfaces_) {
    if (!vip_->has_link(interface)) deliver(core::LinkChanged{interface, false});
  }
  log::event("heart", "agent {} of module {} on {} started, record of epoch {}", version, setup_.module,
             setup_.node_name(), setup_.durable.record.epoch.value());
  const auto boot = setup_.config.service.boot;
  const bool starts = boot == config::Boot::on || (boot != config::Boot::off && setup_.durable.is_wanted);
  if (starts && !resumed_) {
    core::OperatorRequest request;
    request.verb = core::Verb::start;
    request.identity = "SYSTEM at boot time";
    deliver(request);
  }
  service_manager_.ready();
  on_tick();
}

void Agent::shut_down() {
  if (is_handed_over_) return;  // the service manager's stop follows its own ExecStop
  if (is_shutting_down_) {
    io_.stop();
    return;
  }
  if (hands_over_in_maintenance()) return;
  is_shutting_down_ = true;
  service_manager_.stopping();
  core::OperatorRequest request;
  request.verb = core::Verb::stop;
  request.identity = "SYSTEM (the agent is told to end)";
  request.is_shutdown = true;
  deliver(request);
  after_step();
}

void Agent::deliver(core::Event event) {
  // Before the driver stands nothing can be decided yet; what matters then is read again when it does.
  if (driver_) driver_->deliver(std::move(event));
}

void Agent::after_step() {
  if (platform::boottime_now() >= next_tick_) on_tick();
  const core::View view = driver_->view();
  tell_guard(view);
  if (view.record.epoch != scripts_epoch_) {
    scripts_epoch_ = view.record.epoch;
    scripts_->set_epoch(scripts_epoch_);
  }
  const std::string line = fmt::format("{} {}: {}", name_of(view.state), name_of(view.activity), view.reason);
  if (line != last_status_line_) {
    last_status_line_ = line;
    service_manager_.status(line);
    transport_->send_report(own_status().dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  if (is_shutting_down_ && view.state == core::ModuleState::stop && !view.reader.holds) {
    end_guard();
    // Once no address is left the rules that mute it are of no more use.
    if (kernel_permit_) {
      if (const Status removed = kernel_permit_->remove(); !removed)
        log::critical("fence", "{}", removed.error().message);
    }
    if (reader_) reader_->remove_rules();
    io_.stop();
  }
}

void Agent::on_tick() {
  service_manager_.alive();
  keys_->expire();
  verify_by_schedule(platform::boottime_now());
  transport_->send_report(own_status().dump(-1, ' ', false, Json::error_handler_t::replace));
  next_tick_ = platform::boottime_now() + tick_interval;
  tick_.expires_after(tick_interval_max);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_tick();
  });
}

Json Agent::own_status() const {
  const Instant now = platform::boottime_now();
  // Three reports may be lost, and a heartbeat may be as late as its timeout, before a fact counts as old.
  const Duration stale_after = std::max<Duration>(2 * tick_interval_max, setup_.config.heart.timeout);
  const control::NodeIdentity identity{setup_.module, setup_.node_name(), setup_.peer_name(), std::string{version}};
  const core::View view = driver_->view();
  Json json = control::status_of(view, identity, now, stale_after);
  json["vip"] = Json::array();
  for (const std::string& address : addresses_) json["vip"].push_back({{"address", address}});
  if (vip_) {
    if (const auto owner = vip_->observed_owner()) {
      for (Json& entry : json["vip"]) {
        if (entry["address"] == owner->address.to_string()) entry["answered_by"] = vip::to_text(owner->mac);
      }
    }
  }
  json["processes"] = Json::array();
  if (watch_) {
    for (const watch::ProcReport& report : watch_->report()) json["processes"].push_back(process_status(report));
  }
  json["warnings"] = warnings_;
  add_key_status(json);
  add_data_status(json);
  add_reader_status(json, view.reader);
  add_witness_status(json, view.witness, now);
  add_ping_status(json, now);
  add_watchdog_status(json);
  add_maintenance_status(json, view, now);
  return json;
}

Json Agent::status() const {
  const Instant now = platform::boottime_now();
  Json json = own_status();
  json["paths"] = Json::array();
  for (const transport::PathReport& report : transport_->report(now)) json["paths"].push_back(path_status(report));
  const wire::Counters& counters = transport_->counters();
  json["frames"] = {{"accepted", counters.accepted},         {"bad_mac", counters.bad_mac},
                    {"replayed", counters.replayed},         {"malformed", counters.malformed},
                    {"unproven", counters.unproven},         {"foreign_module", counters.foreign_module},
                    {"incompatible", counters.incompatible}, {"own_node", counters.own_node}};
  // Read only when somebody asks: a report comes every second, whether anybody looks or not.
  Json report = Json::parse(peer_report_, nullptr, false);
  if (report.is_object()) {
    json["peer_report"] = std::move(report);
    json["peer_report_age_ms"] = to_milliseconds(now - peer_report_at_);
  }
  return json;
}

void Agent::reply(const core::Reply& reply) {
  if (parting_ == reply.request) {
    parting_.reset();
    if (!reply.is_accepted) {
      log::critical("heart", "in spite of maintenance the module is stopped: {}", reply.message);
      boost::asio::post(io_, [this] { shut_down(); });
    }
    return;
  }
  control_->reply(reply);
}

void Agent::note(const core::Note& note) {
  log::write(level_of(note.severity), "heart", note.text);
}

void Agent::print(char level, const std::string& text) {
  log::write(level == 'E'   ? log::Level::critical
             : level == 'W' ? log::Level::event
                            : log::Level::info,
             "userplug", text);
}

}  // namespace clusteragent::daemon
