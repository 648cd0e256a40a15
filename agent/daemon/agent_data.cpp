// What mirrors the module's data: file replication (<rfs>), or the servers' own (<mysqlreplication>).
#include "agent/daemon/agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "agent/base/log.hpp"
#include "agent/daemon/network.hpp"
#include "agent/data/verify_schedule.hpp"
#include "agent/wire/key_ring.hpp"

namespace clusteragent::daemon {
namespace {

/// Nothing mirrors the data; the core knows and asks nothing.
class NoProvider final : public core::ProviderPort {
 public:
  void lead(const core::LeadData&) override {}
  void follow(const core::FollowData&) override {}
  void allow_solo(const core::AllowSolo&) override {}
  void release(const core::ReleaseData&) override {}
};

// A heartbeat timeout of milliseconds suits heartbeats, which a process with nothing else to do answers.
constexpr Duration silence_min = std::chrono::seconds{2};
// A time of day is looked at so often; a minute is the smallest that can be said.
// On top of what a full connection may take: a request that waits for it says nothing of the disk.
constexpr Duration request_margin = std::chrono::seconds{10};
// Of what the engine is told to do, where <rfs checktime> is short: it writes to the disk what the page cache holds.
constexpr Duration order_limit_min = std::chrono::seconds{30};
constexpr Duration schedule_interval = std::chrono::seconds{20};
constexpr std::uint64_t kilobyte = 1024;
constexpr const char* alarm_script = "alarm";
// It sends a message and no more.
constexpr Duration alarm_limit = std::chrono::seconds{30};

}  // namespace

core::ProviderPort& Agent::provider() {
  static NoProvider none;
  return data_ ? static_cast<core::ProviderPort&>(*data_) : none;
}

std::vector<data::EngineKey> Agent::data_keys() const {
  std::vector<data::EngineKey> keys;
  for (const wire::Key& key : keys_->accepted())
    keys.push_back({wire::key_id_text(key), wire::derive_key(key, wire::Purpose::replication, setup_.module)});
  return keys;
}

Result<data::EngineProgram> Agent::filesync_program() const {
  const config::RfsConfig& rfs = *setup_.config.rfs;
  data::EngineOptions options;
  options.module = setup_.module;
  options.node = setup_.node_name();
  for (const config::ReplicatedConfig& each : rfs.directories) {
    data::EngineDirectory directory{each.directory, each.must_exist, {}};
    for (const config::NotReplicatedConfig& rule : each.excluded)
      directory.excluded.push_back({rule.path, rule.regex, rule.is_inverted});
    options.directories.push_back(std::move(directory));
  }
  options.state_path = setup_.paths.var_dir(setup_.module) + "/filesync";
  options.port = setup_.config.heart.port;
  options.has_acl = rfs.acl;
  options.acknowledges_on_disk = rfs.acknowledge == config::SecondaryAck::on_disk;
  options.silence_limit = std::max(setup_.config.heart.timeout, silence_min);
  options.acknowledges_writes = rfs.acknowledges_writes;
  options.confirm_limit = rfs.lock_timeout;
  options.salvage_bytes_max = rfs.salvage_bytes_max;
  options.copy_limit = rfs.resync_timeout;
  options.send_limit = rfs.send_timeout;
  options.copy_bytes_per_second =
      kilobyte * static_cast<std::uint64_t>(rfs.resync_kilobytes_per_second_max.value_or(0));
  options.copy_pieces = rfs.resync_readers;
  options.keys = data_keys();
  for (const config::HeartbeatPath& path : config::replication_paths(setup_.config, setup_.cluster, setup_.self)) {
    const auto local = resolve(path.local);
    if (!local) return local.error();
    const auto peer = resolve(path.peer);
    if (!peer) return peer.error();
    options.own_addresses.push_back(local->text());
    options.peer_addresses.push_back(peer->text());
  }
  data::EngineProgram program = data::filesync_program(options, agent_binary_);
  program.check_pause = rfs.check_pause;
  program.check_limit = rfs.check_limit;
  program.request_limit = rfs.send_timeout + request_margin;
  program.order_limit = std::max(rfs.check_limit, order_limit_min);
  return program;
}

Result<data::EngineProgram> Agent::mysql_program() const {
  const config::MysqlReplicationConfig& mysql = *setup_.config.mysql;
  data::MysqlOptions options;
  options.module = setup_.module;
  options.node = setup_.node_name();
  options.state_path = setup_.paths.var_dir(setup_.module) + "/mysql";
  options.port = mysql.port;
  options.socket = mysql.socket;
  options.accounts_file = mysql.accounts_file;
  options.data_directory = mysql.data_directory;
  options.start_command = mysql.start_command;
  options.stop_command = mysql.stop_command;
  options.server_command = mysql.server_command;
  options.has_semi_sync = mysql.has_semi_sync;
  options.provisions_errant = mysql.errant == config::ErrantReaction::provision;
  options.drain_limit = mysql.drain_limit;
  options.switch_limit = mysql.switch_limit;
  options.lag_limit = mysql.lag_limit;
  options.binlog_bytes_max = mysql.binlog_bytes_max;
  options.copy_port = setup_.config.heart.port;
  options.copy_bytes_per_second = kilobyte * mysql.provision_kilobytes_per_second_max;
  options.keys = data_keys();
  // One network only: two names for a primary would be two replications to the standby.
  const config::HeartbeatPath path = config::replication_paths(setup_.config, setup_.cluster, setup_.self).front();
  const auto local = resolve(path.local);
  if (!local) return local.error();
  const auto peer = resolve(path.peer);
  if (!peer) return peer.error();
  options.own_address = local->text();
  options.peer_address = peer->text();
  for (const config::FurtherReplicaConfig& replica : mysql.replicas) {
    const auto [own, other] = config::replica_sources(setup_.config, setup_.cluster, setup_.self, replica);
    const auto own_source = resolve(own);
    if (!own_source) return own_source.error();
    const auto other_source = resolve(other);
    if (!other_source) return other_source.error();
    options.replicas.push_back({replica.address, replica.port, own_source->text(), other_source->text()});
  }
  return data::mysql_program(options, agent_binary_);
}

void Agent::run_alarm_script(const data::Json& said) {
  scripts_->command(
      {{alarm_script, said.at("raised").get<bool>() ? "raised" : "cleared", said.at("id"), said.at("text")},
       alarm_limit,
       true},
      [](const hooks::CommandResult& result) {
        if (!result.is_success) log::critical("mysql", "the script alarm failed: {}", result.detail);
      });
}

Status Agent::open_data() {
  if (!setup_.config.mirrors_data()) return success();
  auto program = setup_.config.rfs ? filesync_program() : mysql_program();
  if (!program) return program.error();
  auto opened =
      data::EngineProvider::open(io_, std::move(*program), [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  data_ = std::move(*opened);
  if (::access((setup_.paths.bin_dir(setup_.module) + "/" + alarm_script).c_str(), F_OK) == 0)
    data_->on_alarm([this](const data::Json& said) { run_alarm_script(said); });
  permit_.add({[](const core::SetPermit&) {}, [this] { data_->give_up(); }});
  return success();
}

void Agent::verify_data(RequestId request, const control::VerifyRequest& wanted) {
  if (!data_) {
    return control_->reply(
        {request, false, "the module has neither <rfs> nor <mysqlreplication>: it has no second copy of its data"});
  }
  const char* const component = setup_.config.rfs ? "rfs" : "mysql";
  const std::string who = wanted.asked_by.empty() ? "root" : wanted.asked_by;
  data_->verify(wanted.repairs, [this, request, who, component, repairs = wanted.repairs](const Status& begun) {
    if (begun) {
      log::write(log::Level::user, component,
                 who + " asks for a verification of both copies" + (repairs ? ", with repairs" : ""));
    }
    control_->reply({request, static_cast<bool>(begun),
                     begun ? "the verification has begun; clusteragent status shows how far it is"
                           : "cannot verify: " + begun.error().message});
  });
}

void Agent::verify_by_schedule(Instant now) {
  const auto verify_at = setup_.config.rfs     ? setup_.config.rfs->verify_at
                         : setup_.config.mysql ? setup_.config.mysql->verify_at
                                               : std::nullopt;
  if (!verify_at || now < next_schedule_) return;
  next_schedule_ = now + schedule_interval;
  if (data_->progress().value("state", "") != "up to date") return;
  const std::time_t wall = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&wall, &local);
  const std::chrono::seconds since_midnight{(local.tm_hour * 60 + local.tm_min) * 60 + local.tm_sec};
  std::optional<std::chrono::seconds> since_last;
  if (const auto last = data_->progress().find("verify"); last != data_->progress().end())
    since_last = std::chrono::seconds{wall - last->value("started_ms", std::int64_t{0}) / 1000};
  if (!data::is_verify_due(*verify_at, since_midnight, since_last)) return;
  const char* const component = setup_.config.rfs ? "rfs" : "mysql";
  data_->verify(false, [component](const Status& begun) {
    if (begun) return log::event(component, "verifies both copies, as verify_at says");
    log::critical(component, "the verification of verify_at cannot begin: {}", begun.error().message);
  });
}

void Agent::add_data_status(control::Json& status) const {
  if (!data_) return;
  control::Json& replication = status["replication"] = data_->progress();
  if (setup_.config.mysql) replication["engine"] = "mysql";
  if (!replication.is_object()) return;
  // Wall clock, because it is kept over restarts; readers get an age.
  if (const auto verified = replication.find("verify"); verified != replication.end()) {
    const std::int64_t ended_ms = verified->value("started_ms", std::int64_t{0}) + verified->value("lasted_ms", 0);
    const std::int64_t now_ms = std::int64_t{std::time(nullptr)} * 1000;
    (*verified)["age_ms"] = std::max<std::int64_t>(0, now_ms - ended_ms);
  }
}

}  // namespace clusteragent::daemon
