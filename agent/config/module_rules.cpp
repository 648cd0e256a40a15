#include "agent/config/module_rules.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/mysql_replication.hpp"
#include "agent/config/reader_address.hpp"
#include "agent/config/splitbrain.hpp"
#include "agent/config/syntax.hpp"
#include "agent/config/time_of_day.hpp"

namespace clusteragent::config {
namespace {

/// Two lost frames in a row are common on a busy network; silence has to outlast them.
constexpr int pulses_min = 3;
constexpr std::size_t mirror_nodes = 2;
/// Without a witness both nodes may lead anyway when they are cut off: worth a warning, no refusal (with one:
/// splitbrain.cpp). core::permit_lease() keeps at least a third of the timeout, so from here down the margin shrinks.
constexpr Duration whole_margin_timeout_min = std::chrono::milliseconds{16};

std::string name_of(const Value& value) {
  return name_attribute(*value.row, value.text);
}

class ModuleRules {
 public:
  ModuleRules(const Section& service, const ClusterConfig* cluster, Diagnostics& diagnostics)
      : service_{service}, cluster_{cluster}, diagnostics_{diagnostics} {}

  void check() {
    check_service();
    if (const Section* heart = service_.find("heart")) check_heart(*heart);
    if (const Section* vip = service_.find("vip")) check_vip(*vip);
    check_reader_addresses(service_, diagnostics_);
    if (const Section* errd = service_.find("errd")) check_errd(*errd);
    if (const Section* rfs = service_.find("rfs")) check_rfs(*rfs);
    if (const Section* mysql = service_.find("mysqlreplication")) {
      if ((*mysql)["lan"].is_set()) check_lan((*mysql)["lan"]);
      for (const Section* replica : mysql->all("replica")) {
        if ((*replica)["lan"].is_set()) check_lan((*replica)["lan"]);
      }
      check_mysql_replication(*mysql, service_, cluster_, diagnostics_);
    }
    if (const Section* user = service_.find("user")) check_user(*user);
    const Section* checks = service_.find("check");
    const Section* heart = service_.find("heart");
    const Section* splitbrain = checks == nullptr ? nullptr : checks->find("splitbrain");
    if (splitbrain != nullptr) {
      check_splitbrain(*splitbrain, heart == nullptr ? nullptr : &(*heart)["timeout"], cluster_, diagnostics_);
    }
  }

 private:
  void error(const Value& value, std::string what, std::string allowed = {}, std::string nearest = {}) {
    diagnostics_.error(value.at, fmt::format("{} {}", name_of(value), what),
                       {value.text, std::move(allowed), std::move(nearest)});
  }

  void check_unique(std::set<std::string>& seen, const Value& value) {
    if (!value.is_valid || value.is_unset()) return;
    if (!seen.insert(value.text).second) error(value, "stands there a second time");
  }

  template <typename List, typename Name>
  void check_known(const Value& value, const List& list, Name name, std::string_view what) {
    if (!value.is_valid) return;
    std::vector<std::string_view> names;
    names.reserve(list.size());
    for (const auto& item : list) names.push_back(name(item));
    for (const std::string_view known : names) {
      if (known == value.text) return;
    }
    error(value, fmt::format("is no {} of {}", what, cluster_->file), fmt::format("{}", fmt::join(names, ", ")),
          nearest_name(value.text, names));
  }

  void check_service() {
    if (cluster_ == nullptr) return;
    if (cluster_->nodes.size() != mirror_nodes) {
      error(service_["mode"], fmt::format("needs exactly two nodes; {} has {}: {}", cluster_->file,
                                          cluster_->nodes.size(), fmt::join(cluster_->nodes, ", ")));
    }
    const Value& primary = service_["defaultprim"];
    if (primary.text == "alone") return;
    check_known(
        primary, cluster_->nodes, [](const std::string& node) -> std::string_view { return node; }, "node");
  }

  void check_timing(const Value& pulse, const Value& timeout) {
    if (!pulse.is_valid || !timeout.is_valid) return;
    if (timeout.duration() >= pulses_min * pulse.duration()) return;
    // Blame the one that is set here: the other may be a default or stand in <heart>.
    const Value& blamed = timeout.is_set() || !pulse.is_set() ? timeout : pulse;
    diagnostics_.error(
        blamed.at,
        fmt::format("{}: the timeout of {} is less than {} times the pulse of {}, so the loss of two frames "
                    "would pass for a dead peer",
                    name_of(blamed), timeout.text, pulses_min, pulse.text),
        {blamed.text,
         fmt::format("timeout of at least {}, or a shorter pulse", duration_text(pulses_min * pulse.duration(), "ms")),
         {}});
  }

  void check_margin(const Value& timeout) {
    if (!timeout.is_valid || timeout.duration() >= whole_margin_timeout_min) return;
    if (has_third_voter()) return;  // refused with it
    diagnostics_.warning(
        timeout.at,
        fmt::format("{}: {} is shorter than what the kernel's timers need; when the agent of the primary is killed or "
                    "stands still, its address may still answer for some milliseconds after the other node has it",
                    name_of(timeout), timeout.text),
        {timeout.text, fmt::format("at least {}", duration_text(whole_margin_timeout_min, "ms")), {}});
  }

  void check_heart(const Section& heart) {
    check_timing(heart["pulse"], heart["timeout"]);
    check_margin(heart["timeout"]);
    std::set<std::string> idents;
    std::set<std::string> lans;
    for (const Section* heartbeat : heart.all("heartbeat")) {
      const bool overrides = (*heartbeat)["pulse"].is_set() || (*heartbeat)["timeout"].is_set();
      if (overrides) check_timing((*heartbeat)["pulse"], (*heartbeat)["timeout"]);
      check_unique(lans, (*heartbeat)["name"]);
      if ((*heartbeat)["ident"].is_set())
        check_unique(idents, (*heartbeat)["ident"]);
      else
        idents.insert((*heartbeat)["ident"].text);
      check_lan((*heartbeat)["name"]);
    }
  }

  bool has_third_voter() const {
    const Section* checks = service_.find("check");
    const Section* splitbrain = checks == nullptr ? nullptr : checks->find("splitbrain");
    if (splitbrain == nullptr) return false;
    const std::string& exec = (*splitbrain)["exec"].text;
    return exec == "witness" || exec == "etcd";
  }

  void check_lan(const Value& name) {
    if (cluster_ == nullptr || !name.is_valid) return;
    const Lan* lan = cluster_->find_lan(name.text);
    if (lan == nullptr) {
      check_known(
          name, cluster_->lans, [](const Lan& other) -> std::string_view { return other.name; }, "<lan>");
      return;
    }
    for (const std::string& node : cluster_->nodes) {
      if (lan->find(node) == nullptr) {
        error(name, fmt::format("cannot connect the nodes: <lan name=\"{}\"> of {} has no address of node \"{}\"",
                                name.text, cluster_->file, node));
      }
    }
  }

  void check_vip(const Section& vip) {
    std::set<std::string> interfaces;
    std::set<std::string> addresses;
    const Section* list = vip.find("interface_list");
    if (list == nullptr) return;
    for (const Section* interface : list->all("interface")) {
      check_unique(interfaces, (*interface)["name"]);
      const Section* real = interface->find("real_interface");
      if (real == nullptr) continue;
      for (const Section* address : real->all("virtual_addr")) {
        check_unique(addresses, (*address)["addr"]);
        check_virtual_address(*address);
      }
    }
  }

  void check_virtual_address(const Section& section) {
    const Value& addr = section["addr"];
    const auto host = HostAddress::parse(addr.text);
    if (!addr.is_valid || !host) return;
    const Value& netmask = section["netmask"];
    if (!host->ip()) {
      diagnostics_.warning(addr.at,
                           fmt::format("{} is a name: it is resolved when the module starts, which fails when the "
                                       "name service does; an IP address always works",
                                       name_of(addr)),
                           {addr.text, {}, {}});
      return;
    }
    if (host->ip()->is_unspecified() || host->ip()->is_multicast()) error(addr, "cannot be the address of a machine");
    if (!host->ip()->is_v4() && netmask.is_set() && netmask.is_valid) {
      error(netmask, fmt::format("cannot go with the IPv6 address {}: a netmask is for IPv4", addr.text));
    }
    if (cluster_ == nullptr) return;
    for (const Lan& lan : cluster_->lans) {
      for (const LanNode& node : lan.nodes) {
        if (node.address == *host || node.local_address == *host) {
          error(addr, fmt::format("is the own address of node \"{}\" in {}: a virtual address belongs to no node",
                                  node.node, cluster_->file));
          return;
        }
      }
    }
  }

  void check_errd(const Section& errd) {
    if (service_.find("user") == nullptr) {
      diagnostics_.error(errd.at,
                         "<errd> needs <user>: what it asks for is done by the module's scripts, and without "
                         "<user> none is run");
    }
    std::set<std::string> names;
    for (const Section* process : errd.all("proc")) {
      check_unique(names, (*process)["name"]);
      check_process(*process);
    }
  }

  void check_process(const Section& process) {
    const Value& atleast = process["atleast"];
    const Value& atmax = process["atmax"];
    if (atleast.is_valid && atmax.is_valid && atmax.number >= 0 && atleast.number >= atmax.number) {
      const Value& blamed = atmax.is_set() ? atmax : atleast;
      error(blamed,
            fmt::format("can never be satisfied: atleast=\"{}\" acts below {} and atmax=\"{}\" acts from {} on",
                        atleast.text, atleast.text, atmax.text, atmax.text),
            "an atmax above atleast, or atleast=\"-1\"");
    }
    const Value& restart_services = process["restart_services"];
    const bool may_restart_services = process["service"].is_on() && process["action"].text == "restart";
    if (restart_services.is_on() && !may_restart_services) {
      error(restart_services, "goes with service=\"yes\" and action=\"restart\" only");
    }
    if (!process["service"].is_on()) return;
    for (const std::string_view name : {"nameregex", "argregex"}) {
      if (process[name].is_set())
        error(process[name], "cannot go with service=\"yes\": a service is found by its name");
    }
    for (const std::string_view name : {"atleast", "atmax"}) {
      const bool is_plain = process[name].number == 1 || process[name].number == -1;
      if (process[name].is_set() && process[name].is_valid && !is_plain) {
        error(process[name], "cannot go with service=\"yes\": a service runs once or not at all", "1 or -1");
      }
    }
  }

  void check_rfs(const Section& rfs) {
    const Value& verify_at = rfs["verify_at"];
    if (verify_at.is_set() && verify_at.is_valid && !time_of_day(verify_at.text))
      error(verify_at, "is no time of day", "HH:MM, from 00:00 to 23:59, in the local time of the primary");
    if (const Section* flow = rfs.find("flow")) check_lan((*flow)["name"]);
    if (rfs.find("replicated") == nullptr)
      diagnostics_.error(rfs.at, "<rfs> has no <replicated>; it needs at least one");
    std::map<std::string, const Value*> directories;
    for (const Section* replicated : rfs.all("replicated")) {
      check_directory((*replicated)["dir"], directories);
      for (const Section* excluded : replicated->all("notreplicated")) {
        if ((*excluded)["path"].is_set() == (*excluded)["regexpath"].is_set()) {
          diagnostics_.error(excluded->at, "<notreplicated> needs either \"path\" or \"regexpath\"");
        }
        check_excluded((*excluded)["path"]);
      }
    }
  }

  void check_excluded(const Value& path) {
    if (!path.is_valid || !path.is_set()) return;
    const std::string whole = "/" + path.text + "/";
    const bool leads_out = path.text.starts_with('/') || whole.find("/../") != std::string::npos;
    const bool is_all = path.text.empty() || path.text == "." || path.text == "./";
    if (leads_out) error(path, "leads out of the replicated directory", "a path relative to it, such as tmp/sort");
    if (is_all) error(path, "is the replicated directory itself", "a path in it, such as tmp/sort");
  }

  void check_directory(const Value& dir, std::map<std::string, const Value*>& seen) {
    if (!dir.is_valid) return;
    const bool is_windows = dir.text.front() != '/';
    std::string path = dir.text;
    for (char& c : path) {
      if (is_windows && c == '\\') c = '/';
    }
    while (!path.empty() && path.back() == '/') path.pop_back();
    for (const auto& [other, value] : seen) {
      const bool is_inside = (path + "/").starts_with(other + "/") || (other + "/").starts_with(path + "/");
      if (is_inside) return error(dir, fmt::format("and {} lie inside each other", name_of(*value)));
    }
    seen.emplace(std::move(path), &dir);
  }

  void check_user(const Section& user) {
    std::set<std::string> names;
    for (const Section* variable : user.all("var")) {
      const Value& name = (*variable)["name"];
      check_unique(names, name);
      if (name.is_valid && name.text.starts_with("SAFE")) {
        error(name, "is reserved: variables that begin with SAFE are set by the agent");
      }
    }
  }

  const Section& service_;
  const ClusterConfig* cluster_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_module_rules(const Section& service, const ClusterConfig* cluster, Diagnostics& diagnostics) {
  ModuleRules{service, cluster, diagnostics}.check();
}

}  // namespace clusteragent::config
