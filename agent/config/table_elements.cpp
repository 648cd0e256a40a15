#include <array>

#include "agent/config/table.hpp"

namespace clusteragent::config {
namespace {

constexpr std::array elements{
    ElementRow{.name = "cluster", .count_min = 1, .description = "Root of cluster.xml: the nodes and their networks."},
    ElementRow{.name = "lans", .parent = "cluster", .count_min = 1, .description = "The list of networks."},
    ElementRow{.name = "lan",
               .parent = "lans",
               .count_min = 1,
               .count_max = lans_max,
               .key = "name",
               .description = "A network and the address of each node on it. `<heartbeat>` refers to it by name. The "
                              "first two nodes of the file, in its order, are node 0 and node 1."},
    ElementRow{.name = "node",
               .parent = "lan",
               .count_min = 1,
               .count_max = nodes_max,
               .key = "name",
               .description = "A node's address on this network."},
    ElementRow{.name = "safe",
               .count_min = 1,
               .description = "Root of userconfig.xml. `<!DOCTYPE safe>` may stand before it."},
    ElementRow{.name = "macro",
               .parent = "safe",
               .count_max = macros_max,
               .key = "name",
               .description = "Text for `%name%` in the attribute values that follow. A name that no macro defines is "
                              "looked up in the environment of the agent; one that is found nowhere is an error. A `%` "
                              "that does not enclose a name stands for itself."},
    ElementRow{.name = "service", .parent = "safe", .count_min = 1, .description = "The module."},
    ElementRow{
        .name = "heart", .parent = "service", .count_min = 1, .description = "Heartbeats between the two nodes."},
    ElementRow{.name = "heartbeat",
               .parent = "heart",
               .count_min = 1,
               .count_max = heartbeats_max,
               .key = "ident",
               .description = "Heartbeats on one network. The peer counts as silent when all of them are silent."},
    ElementRow{.name = "server",
               .parent = "heartbeat",
               .count_max = nodes_max,
               .standing = Standing::refused,
               .note = "addresses of nodes stand in cluster.xml since SafeKit 7.2; name its <lan> in <heartbeat name>"},
    ElementRow{.name = "vip", .parent = "service", .description = "Virtual addresses that follow the primary."},
    ElementRow{.name = "interface_list", .parent = "vip", .count_min = 1, .description = "The list of interfaces."},
    ElementRow{.name = "interface",
               .parent = "interface_list",
               .count_min = 1,
               .count_max = interfaces_max,
               .key = "name",
               .description = "A network interface that carries virtual addresses."},
    ElementRow{.name = "real_interface",
               .parent = "interface",
               .count_min = 1,
               .description = "Virtual addresses that use the interface's own MAC address."},
    ElementRow{.name = "virtual_interface",
               .parent = "interface",
               .standing = Standing::refused,
               .note = "virtual MAC addresses are not built; use <real_interface>, whose addresses are announced at "
                       "every take-over"},
    ElementRow{.name = "virtual_addr",
               .parent = "real_interface",
               .count_min = 1,
               .count_max = virtual_addresses_max,
               .key = "addr",
               .description = "A virtual address."},
    ElementRow{.name = "errd",
               .parent = "service",
               .description = "Watch over the application's processes and services. Needs `<user>`."},
    ElementRow{.name = "proc",
               .parent = "errd",
               .count_max = processes_max,
               .key = "name",
               .description = "A process or service to watch."},
    ElementRow{.name = "rfs",
               .parent = "service",
               .description = "Replication of a directory to the other node, in real time. The other node's copy "
                              "is read-only."},
    ElementRow{.name = "flow",
               .parent = "rfs",
               .description = "The network of the replication; `<heartbeat ident=\"flow\">` says the same."},
    ElementRow{.name = "replicated",
               .parent = "rfs",
               .count_max = replicated_max,
               .key = "dir",
               .description = "A directory to replicate."},
    ElementRow{.name = "tocheck",
               .parent = "replicated",
               .count_max = replicated_max,
               .key = "path",
               .description = "A path that must exist before replication starts: guards against an empty directory "
                              "where a file system should be mounted."},
    ElementRow{.name = "notreplicated",
               .parent = "replicated",
               .count_max = replicated_max,
               .description = "What each node keeps for itself: neither streamed nor copied nor removed at the other "
                              "node; read-only there like the rest. A file cannot be renamed or linked across that "
                              "border (`EXDEV`, as between two file systems; `mv` copies then). When its folder is "
                              "removed it goes as well."},
    ElementRow{.name = "mysqlreplication",
               .parent = "service",
               .description =
                   "Not in SafeKit. A MariaDB or MySQL server runs on each node, and the standby's gets what "
                   "the primary's commits by their own replication, which the agent runs. Not together with "
                   "`<rfs>`. docs/mysql-replication.md."},
    ElementRow{.name = "replica",
               .parent = "mysqlreplication",
               .count_max = replicas_max,
               .description = "A further server that replicates from whichever node is primary: after a change of "
                              "roles it is repointed by GTID. It takes no part in the protection, and never becomes "
                              "primary."},
    ElementRow{
        .name = "user", .parent = "service", .description = "Turns the module's scripts on. Without it none is run."},
    ElementRow{.name = "var",
               .parent = "user",
               .count_max = variables_max,
               .key = "name",
               .description = "An environment variable of the scripts."},
    ElementRow{.name = "check", .parent = "service", .description = "What is looked at besides the application."},
    ElementRow{.name = "splitbrain",
               .parent = "check",
               .description = "Who decides when the two nodes do not hear each other. Without it both become primary "
                              "when every network between them is cut."},
    ElementRow{.name = "tcp",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{.name = "ping",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{.name = "intf",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{.name = "ip",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{.name = "custom",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{.name = "module",
               .parent = "check",
               .standing = Standing::refused,
               .note = "this checker is not built yet; the interface check of <interface check> and <errd> are"},
    ElementRow{
        .name = "failover",
        .parent = "service",
        .standing = Standing::refused,
        .note = "failover rules are not built yet; the built-in reactions of <errd> and of <interface check> are"},
    ElementRow{.name = "farm",
               .parent = "service",
               .standing = Standing::refused,
               .note = "farm modules are not built; this agent runs mirror modules"},
    ElementRow{.name = "vhost",
               .parent = "service",
               .standing = Standing::refused,
               .note = "virtual host names are not built"},
};

}  // namespace

std::span<const ElementRow> element_rows() {
  return elements;
}

const ElementRow* find_element(std::string_view name, std::string_view parent) {
  for (const ElementRow& row : elements) {
    if (row.name == name && row.parent == parent) return &row;
  }
  return nullptr;
}

}  // namespace clusteragent::config
