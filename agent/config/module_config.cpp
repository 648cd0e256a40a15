#include "agent/config/module_config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/config/config.hpp"
#include "agent/config/module_rules.hpp"
#include "agent/config/reader_address.hpp"
#include "agent/config/replication.hpp"
#include "agent/config/syntax.hpp"
#include "agent/config/time_of_day.hpp"

namespace clusteragent::config {
namespace {

HostAddress host_of(const Value& value) {
  const auto host = HostAddress::parse(value.text);
  CLUSTERAGENT_ASSERT(host);
  return *host;
}

std::uint32_t count_of(const Value& value) {
  return static_cast<std::uint32_t>(value.number);
}

std::optional<std::uint32_t> limit_of(const Value& value) {
  return value.number < 0 ? std::nullopt : std::optional{count_of(value)};
}

ServiceConfig build_service(const Section& service, const ClusterConfig* cluster) {
  constexpr std::array boots{std::pair{"on", Boot::on}, std::pair{"off", Boot::off}, std::pair{"auto", Boot::automatic},
                             std::pair{"ignore", Boot::ignore}};
  ServiceConfig out;
  if (service["defaultprim"].text != "alone") out.default_primary = service["defaultprim"].text;
  if (cluster != nullptr) out.default_primary_id = cluster->find_node(out.default_primary);
  out.failover = service["failover"].is_on();
  out.maxloop = count_of(service["maxloop"]);
  out.loop_interval = service["loop_interval"].duration();
  for (const auto& [word, boot] : boots) {
    if (service["boot"].text == word) out.boot = boot;
  }
  return out;
}

HeartConfig build_heart(const Section& heart) {
  HeartConfig out;
  out.port = static_cast<std::uint16_t>(heart["port"].number);
  out.pulse = heart["pulse"].duration();
  out.timeout = heart["timeout"].duration();
  out.restart_grace = heart["restart_grace"].duration();
  out.watchdog = heart["watchdog"].text;
  for (const Section* heartbeat : heart.all("heartbeat")) {
    const PathId path{static_cast<std::uint8_t>(out.heartbeats.size())};
    out.heartbeats.push_back({path, (*heartbeat)["name"].text, (*heartbeat)["ident"].text,
                              (*heartbeat)["pulse"].duration(), (*heartbeat)["timeout"].duration()});
  }
  return out;
}

InterfaceConfig build_interface(const Section& interface) {
  InterfaceConfig out;
  out.name = interface["name"].text;
  out.is_checked = interface["check"].is_on();
  out.arp_reroute = interface["arpreroute"].is_on();
  out.arp_interval = interface["arpinterval"].duration();
  out.arp_elapse = interface["arpelapse"].duration();
  for (const Section* address : interface.find("real_interface")->all("virtual_addr")) {
    VirtualAddressConfig virtual_address;
    virtual_address.address = host_of((*address)["addr"]);
    virtual_address.is_checked = (*address)["check"].is_on();
    virtual_address.is_for_readers = (*address)["where"].text == where_secondary;
    const Value& netmask = (*address)["netmask"];
    if (!netmask.is_unset()) virtual_address.prefix_bits = static_cast<std::uint8_t>(netmask.number);
    out.addresses.push_back(std::move(virtual_address));
  }
  return out;
}

ProcessConfig build_process(const Section& process) {
  constexpr std::array classes{std::pair{"pre", ProcessClass::pre}, std::pair{"prim", ProcessClass::prim},
                               std::pair{"second", ProcessClass::second}, std::pair{"sec", ProcessClass::sec},
                               std::pair{"both", ProcessClass::both}};
  constexpr std::array reactions{
      std::pair{"restart", ProcessReaction::restart}, std::pair{"stopstart", ProcessReaction::stopstart},
      std::pair{"stop", ProcessReaction::stop}, std::pair{"noaction", ProcessReaction::noaction}};
  ProcessConfig out;
  out.name = process["name"].text;
  out.is_service = process["service"].is_on();
  out.name_regex = process["nameregex"].text;
  out.arg_regex = process["argregex"].text;
  out.atleast = limit_of(process["atleast"]);
  out.atmax = limit_of(process["atmax"]);
  out.start_after = count_of(process["start_after"]);
  for (const auto& [word, process_class] : classes) {
    if (process["class"].text == word) out.process_class = process_class;
  }
  const std::string& action = process["action"].text;
  if (!is_reaction_word(action)) {
    out.reaction = ProcessReaction::handler;
    out.handler = action;
  }
  for (const auto& [word, reaction] : reactions) {
    if (action == word) out.reaction = reaction;
  }
  return out;
}

ErrdConfig build_errd(const Section& errd) {
  ErrdConfig out;
  out.poll = errd["polltimer"].duration();
  for (const Section* process : errd.all("proc")) out.processes.push_back(build_process(*process));
  return out;
}

ReplicatedConfig build_replicated(const Section& replicated) {
  ReplicatedConfig out;
  out.directory = replicated["dir"].text;
  out.is_read_only = replicated["mode"].text == "read_only";
  for (const Section* check : replicated.all("tocheck")) out.must_exist.push_back((*check)["path"].text);
  for (const Section* excluded : replicated.all("notreplicated")) {
    NotReplicatedConfig rule;
    rule.path = (*excluded)["path"].text;
    rule.regex = (*excluded)["regexpath"].text;
    rule.is_inverted = rule.regex.starts_with('!');
    if (rule.is_inverted) rule.regex.erase(0, 1);
    out.excluded.push_back(std::move(rule));
  }
  return out;
}

RfsConfig build_rfs(const Section& rfs) {
  RfsConfig out;
  out.acknowledge = rfs["async"].text == "none" ? SecondaryAck::on_disk : SecondaryAck::on_receipt;
  out.acknowledges_writes = rfs["acknowledge"].text == "write";
  out.acl = rfs["acl"].is_on();
  out.resync_readers = count_of(rfs["nbrei"]);
  out.resync_packet_bytes = rfs["reipacketsize"].number;
  out.zone_bytes = rfs["ruzone_blocksize"].number;
  if (!rfs["reiallowedbw"].is_unset()) out.resync_kilobytes_per_second_max = rfs["reiallowedbw"].number;
  out.lock_timeout = rfs["locktimeout"].duration();
  out.send_timeout = rfs["sendtimeout"].duration();
  out.resync_timeout = rfs["reitimeout"].duration();
  out.connections = count_of(rfs["nbremconn"]);
  out.check_limit = std::max<Duration>(std::chrono::seconds{1}, rfs["checktime"].duration());
  out.check_pause = rfs["checkintv"].duration();
  out.sync_delta = rfs["syncdelta"].duration();
  out.sync_at = rfs["syncat"].text;
  out.salvage_bytes_max = static_cast<std::uint64_t>(rfs["salvage"].number) * 1'000'000;
  if (rfs["verify_at"].is_set()) out.verify_at = time_of_day(rfs["verify_at"].text);
  if (const Section* flow = rfs.find("flow")) out.flow_lan = (*flow)["name"].text;
  for (const Section* replicated : rfs.all("replicated")) out.directories.push_back(build_replicated(*replicated));
  return out;
}

UserConfig build_user(const Section& user) {
  UserConfig out;
  out.start_limit = user["starttimeout"].duration();
  out.stop_limit = user["nicestoptimeout"].duration();
  out.force_limit = user["forcestoptimeout"].duration();
  out.fence_limit = user["fencetimeout"].duration();
  out.has_userlog = user["logging"].text == "userlog";
  out.userlog_kilobytes_max = user["userlogsize"].number;
  for (const Section* variable : user.all("var")) {
    out.variables.emplace_back((*variable)["name"].text, (*variable)["value"].text);
  }
  return out;
}

ModuleConfig build_module(Section root, const ClusterConfig* cluster, const std::string& file) {
  ModuleConfig module;
  const Section& service = *root.find("service");
  module.file = file;
  module.service = build_service(service, cluster);
  module.heart = build_heart(*service.find("heart"));
  if (const Section* vip = service.find("vip")) {
    for (const Section* interface : vip->find("interface_list")->all("interface")) {
      module.interfaces.push_back(build_interface(*interface));
    }
  }
  if (const Section* errd = service.find("errd")) module.errd = build_errd(*errd);
  if (const Section* user = service.find("user")) module.user = build_user(*user);
  const Section* check = service.find("check");
  if (const Section* splitbrain = check == nullptr ? nullptr : check->find("splitbrain")) {
    module.splitbrain = build_splitbrain(*splitbrain);
  }
  if (const Section* rfs = service.find("rfs")) {
    module.rfs = build_rfs(*rfs);
    refuse_unbuilt_replication(*rfs, module.start_refusals);
  }
  if (const Section* mysql = service.find("mysqlreplication")) {
    module.mysql = build_mysql_replication(*mysql);
    refuse_unbuilt_mysql(*mysql, module.start_refusals);
  }
  module.effective = std::move(root);
  return module;
}

}  // namespace

bool ModuleConfig::has_reader_address() const {
  return std::any_of(interfaces.begin(), interfaces.end(), [](const InterfaceConfig& interface) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [](const VirtualAddressConfig& one) { return one.is_for_readers; });
  });
}

Parsed<ModuleConfig> parse_module(std::string_view text, std::string_view file_name, const ClusterConfig* cluster,
                                  Environment environment) {
  Diagnostics diagnostics{std::string{file_name}};
  Parsed<ModuleConfig> parsed;
  auto document = read_document(text, diagnostics);
  auto root = document ? read_root(*document, "safe", std::move(environment), diagnostics) : std::nullopt;
  if (root) {
    if (const Section* service = root->find("service")) check_module_rules(*service, cluster, diagnostics);
  }
  if (root && !diagnostics.has_errors()) parsed.value = build_module(std::move(*root), cluster, diagnostics.file());
  parsed.diagnostics = diagnostics.take();
  return parsed;
}

std::vector<HeartbeatPath> heartbeat_paths(const ModuleConfig& module, const ClusterConfig& cluster, NodeId self) {
  CLUSTERAGENT_ASSERT(self.value() < 2 && cluster.nodes.size() == 2);
  const NodeId peer{static_cast<std::uint8_t>(1 - self.value())};
  std::vector<HeartbeatPath> paths;
  for (const HeartbeatConfig& heartbeat : module.heart.heartbeats) {
    const Lan* lan = cluster.find_lan(heartbeat.lan);
    CLUSTERAGENT_ASSERT(lan != nullptr);
    const LanNode* own = lan->find(cluster.name_of(self));
    const LanNode* other = lan->find(cluster.name_of(peer));
    CLUSTERAGENT_ASSERT(own != nullptr && other != nullptr);
    paths.push_back({heartbeat.path, heartbeat.ident, heartbeat.lan, own->local_address, other->address,
                     module.heart.port, heartbeat.pulse, heartbeat.timeout});
  }
  return paths;
}

}  // namespace clusteragent::config
