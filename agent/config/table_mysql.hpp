#pragma once
// Attributes of <mysqlreplication> and <replica>: rows of the table in table_attributes.cpp.
// They are this project's own: SafeKit has no such elements.
#include <array>
#include <cstdint>

#include "agent/config/table.hpp"

namespace clusteragent::config {

// clang-format off
inline constexpr std::array mysql_attributes{
    AttributeRow{.element = "mysqlreplication", .name = "accounts", .type = Type::path,
                 .fallback = "/etc/clusteragent/mysql-accounts",
                 .description = "Names and passwords of the agent's two accounts, mode 0600, owned by root, the same "
                                "on both nodes; `clusteragent mysql init` makes it."},
    AttributeRow{.element = "mysqlreplication", .name = "socket", .type = Type::path,
                 .fallback = "/run/mysqld/mysqld.sock", .description = "The server's local socket."},
    AttributeRow{.element = "mysqlreplication", .name = "port", .type = Type::integer, .fallback = "3306", .minimum = 1,
                 .maximum = 65535, .description = "The server's TCP port, the same on both nodes."},
    AttributeRow{.element = "mysqlreplication", .name = "lan", .type = Type::label,
                 .description = "The `<lan>` of cluster.xml over which the servers replicate. Unless set: that of "
                                "`<heartbeat ident=\"flow\">`, else of the first `<heartbeat>`."},
    AttributeRow{.element = "mysqlreplication", .name = "datadir", .type = Type::path, .fallback = "/var/lib/mysql",
                 .description = "The server's data directory. Where this node cannot catch up by replication, "
                                "its contents are replaced by a copy of the primary's."},
    AttributeRow{.element = "mysqlreplication", .name = "semisync", .type = Type::choice, .fallback = "on",
                 .allowed = "on|off",
                 .description = "`on`: a commit is answered when the standby has received it. `off`: at once, and what "
                                "the standby has not received yet is lost with the primary."},
    AttributeRow{.element = "mysqlreplication", .name = "errant", .type = Type::choice, .fallback = "ask",
                 .allowed = "ask|provision",
                 .description = "When a node comes back with transactions that the primary has not, they are saved to "
                                "a file. `ask`: an operator decides. `provision`: the primary's data replace them."},
    AttributeRow{.element = "mysqlreplication", .name = "drain_timeout", .type = Type::duration, .fallback = "60",
                 .unit = "s", .minimum = 1, .maximum = 86'400,
                 .description = "A standby that needs longer to apply what it has received does not become primary."},
    AttributeRow{.element = "mysqlreplication", .name = "switch_timeout", .type = Type::duration, .fallback = "10",
                 .unit = "s", .minimum = 1, .maximum = 86'400,
                 .description = "A server that needs longer for a step of a change of role has failed."},
    AttributeRow{.element = "mysqlreplication", .name = "lag_limit", .type = Type::duration, .fallback = "10000",
                 .unit = "ms", .minimum = 1, .maximum = 86'400'000,
                 .description = "A standby that is further behind raises an alarm."},
    AttributeRow{.element = "mysqlreplication", .name = "reader_lag_limit", .type = Type::duration, .fallback = "10000",
                 .unit = "ms", .minimum = 100, .maximum = 86'400'000,
                 .description = "Addresses with `where=\"secondary\"` leave a standby that is further behind, and come "
                                "back when it was at most half of that behind for 10 s."},
    AttributeRow{.element = "mysqlreplication", .name = "binlog_limit", .type = Type::integer, .fallback = "0",
                 .unit = "MB", .maximum = 100'000'000,
                 .description = "Room for a server's binary logs. From 80 % of it on the oldest are purged, unless the "
                                "other node lacks them: then there is an alarm. 0: the agent purges nothing."},
    AttributeRow{.element = "mysqlreplication", .name = "provision_limit", .type = Type::integer, .fallback = "0",
                 .unit = "KB/s", .maximum = std::int64_t{2'147'483'647},
                 .description = "How fast a copy of the primary's data is sent; 0: as fast as it goes."},
    AttributeRow{.element = "mysqlreplication", .name = "verify_at", .type = Type::text,
                 .description = "Time of day, such as `03:30`, local: the primary then compares its tables with the "
                                "standby's, while the application goes on (`clusteragent mysql verify`)."},
    AttributeRow{.element = "mysqlreplication", .name = "start_command", .type = Type::text,
                 .fallback = "systemctl start mariadb",
                 .description = "Starts the server with its new data, by way of a service manager."},
    AttributeRow{.element = "mysqlreplication", .name = "stop_command", .type = Type::text,
                 .fallback = "systemctl stop mariadb",
                 .description = "Stops it before its data are replaced, so that nothing starts it meanwhile."},
    AttributeRow{.element = "mysqlreplication", .name = "server_command", .type = Type::text,
                 .description = "The server's program, with `--defaults-file=` where it reads a file of its own. A "
                                "copy by CLONE or dump is made with a second server. Unless set: `mariadbd` or "
                                "`mysqld`."},
    AttributeRow{.element = "replica", .name = "addr", .type = Type::host, .is_required = true,
                 .description = "Its address, IPv4 or IPv6; a name is not accepted."},
    AttributeRow{.element = "replica", .name = "port", .type = Type::integer, .fallback = "3306", .minimum = 1,
                 .maximum = 65535, .description = "Its TCP port."},
    AttributeRow{.element = "replica", .name = "lan", .type = Type::label,
                 .description = "The `<lan>` of cluster.xml on which it reaches the nodes: their addresses there are "
                                "its source. Unless set: that over which the servers replicate."},
};
// clang-format on

}  // namespace clusteragent::config
