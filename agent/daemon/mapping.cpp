#include "agent/daemon/mapping.hpp"

#include <algorithm>
#include <filesystem>

#include "agent/base/assert.hpp"
#include "agent/core/names.hpp"
#include "agent/daemon/network.hpp"

namespace clusteragent::daemon {
namespace {

core::WatchClass class_of(config::ProcessClass from) {
  switch (from) {
    case config::ProcessClass::pre:
      return core::WatchClass::pre;
    case config::ProcessClass::prim:
      return core::WatchClass::prim;
    case config::ProcessClass::second:
      return core::WatchClass::second;
    case config::ProcessClass::sec:
      return core::WatchClass::sec;
    case config::ProcessClass::both:
      return core::WatchClass::both;
  }
  CLUSTERAGENT_ASSERT(false);
}

watch::Reaction reaction_of(config::ProcessReaction from) {
  switch (from) {
    case config::ProcessReaction::restart:
      return watch::Reaction::restart;
    case config::ProcessReaction::stopstart:
      return watch::Reaction::stopstart;
    case config::ProcessReaction::stop:
      return watch::Reaction::stop;
    case config::ProcessReaction::noaction:
      return watch::Reaction::noaction;
    case config::ProcessReaction::handler:
      return watch::Reaction::handler;
  }
  CLUSTERAGENT_ASSERT(false);
}

/// Where the shim and the shell library lie: beside an installed binary, or in the source tree of a built one.
std::string shared_dir(const std::string& agent_binary, const char* installed, const char* in_tree) {
  std::error_code error;
  const std::filesystem::path binary_dir = std::filesystem::path{agent_binary}.parent_path();
  for (const auto& candidate :
       {binary_dir / ".." / "lib/clusteragent" / installed, binary_dir / "../../.." / in_tree}) {
    if (std::filesystem::is_directory(candidate, error)) return std::filesystem::weakly_canonical(candidate, error);
  }
  return std::string{"/usr/lib/clusteragent/"} + installed;
}

}  // namespace

Result<vip::Options> vip_options(const config::ModuleConfig& module, bool for_readers) {
  vip::Options options;
  for (const config::InterfaceConfig& interface : module.interfaces) {
    std::string name = interface.name;
    for (const config::VirtualAddressConfig& virtual_address : interface.addresses) {
      const auto address = resolve(virtual_address.address);
      if (!address) return address.error();
      if (name.empty()) name = interface_of(*address);
      if (virtual_address.is_for_readers != for_readers) continue;
      options.addresses.push_back(
          {boost::asio::ip::make_address(address->text()), interface.name, virtual_address.prefix_bits});
    }
    if (interface.is_checked && !name.empty()) options.checked_interfaces.push_back(name);
    if (interface.arp_reroute) {
      options.repeats_announcement = true;
      options.repeat_interval = interface.arp_interval;
      options.repeat_elapse = interface.arp_elapse;
    }
  }
  return options;
}

hooks::Options script_options(const Setup& setup, const std::string& agent_binary) {
  hooks::Options options;
  options.module = setup.module;
  options.node = setup.node_name();
  const NodeId peer{static_cast<std::uint8_t>(1 - setup.self.value())};
  options.peer = setup.cluster.name_of(peer);
  for (const config::Lan& lan : setup.cluster.lans) {
    const config::LanNode* there = lan.find(options.peer);
    if (there == nullptr) continue;
    options.peer_addresses += (options.peer_addresses.empty() ? "" : " ") + there->address.text();
  }
  options.root = setup.paths.root;
  options.bin_dir = setup.paths.bin_dir(setup.module);
  options.safe_dir = shared_dir(agent_binary, "safe", "scripts/shim");
  options.safe_bin_dir = options.safe_dir;
  options.lib_dir = shared_dir(agent_binary, "lib", "scripts/lib");
  options.conf_dir = setup.paths.module_dir(setup.module);
  options.var_dir = setup.paths.var_base();
  options.user_var_dir = setup.paths.var_dir(setup.module);
  options.userlog_dir = setup.paths.log_dir(setup.module);
  options.agent_binary = agent_binary;
  if (setup.config.user) {
    options.variables = setup.config.user->variables;
    options.logging = setup.config.user->has_userlog;
    options.userlog_bytes_max = static_cast<std::uint64_t>(setup.config.user->userlog_kilobytes_max) * 1024;
  }
  return options;
}

watch::Options watch_options(const config::ErrdConfig& errd) {
  watch::Options options;
  options.poll = errd.poll;
  for (const config::ProcessConfig& process : errd.processes) {
    options.rules.push_back({process.name, process.is_service, process.name_regex, process.arg_regex, process.atleast,
                             process.atmax, reaction_of(process.reaction), process.handler,
                             class_of(process.process_class), process.start_after});
  }
  return options;
}

control::Json path_status(const transport::PathReport& report) {
  control::Json json{{"name", report.name},
                     {"local", report.local_address},
                     {"peer", report.peer_address},
                     {"condition", wire::name_of(report.condition)},
                     {"loss_permille", report.loss_permille},
                     {"frames_sent", report.frames_sent},
                     {"send_errors", report.send_errors},
                     {"problem", report.problem}};
  const auto micros = [](Duration duration) { return duration.count() / 1000; };
  if (report.last_heard_age) json["age_ms"] = to_milliseconds(*report.last_heard_age);
  if (report.round_trip) json["round_trip_us"] = micros(*report.round_trip);
  if (report.jitter) json["jitter_us"] = micros(*report.jitter);
  if (report.peer_loss_permille) json["peer_loss_permille"] = *report.peer_loss_permille;
  return json;
}

control::Json process_status(const watch::ProcReport& report) {
  control::Json json{{"name", report.name},
                     {"class", name_of(report.watch_class)},
                     {"service", report.is_service},
                     {"armed", report.is_armed},
                     {"problem", report.last_problem}};
  if (report.count) json["count"] = *report.count;
  return json;
}

}  // namespace clusteragent::daemon
