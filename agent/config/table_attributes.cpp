#include <algorithm>
#include <array>

#include "agent/config/table.hpp"
#include "agent/config/table_mysql.hpp"

namespace clusteragent::config {
namespace {

constexpr std::int64_t heart_timeout_max_ms = 3'600'000;  // a longer outage is a decision for an operator
constexpr std::int64_t script_limit_max_s = 86'400;
constexpr std::int64_t int32_max = 2'147'483'647;

using enum Standing;

constexpr std::string_view no_membership =
    "there is no membership daemon here: each module finds its peer by its own heartbeats";
constexpr std::string_view obsolete_lan = "it is obsolete in SafeKit, too";
constexpr std::string_view farm_only = "it is for farm modules, which are not built";

// One row an attribute, all rows of an element together. Kept dense by hand: a row is read as a line of a table.
// clang-format off
constexpr std::array of_failover{
    // cluster.xml
    AttributeRow{.element = "lans", .name = "port", .type = Type::integer, .fallback = "4800", .minimum = 1,
                 .maximum = 65535, .standing = ignored, .note = no_membership,
                 .description = "SafeKit's membership port."},
    AttributeRow{.element = "lans", .name = "pulse", .type = Type::duration, .fallback = "100", .unit = "ms",
                 .minimum = 1, .maximum = 60'000, .standing = ignored, .note = no_membership,
                 .description = "SafeKit's membership period."},
    AttributeRow{.element = "lans", .name = "mlost_count", .type = Type::integer, .fallback = "20", .minimum = 1,
                 .maximum = 100'000, .standing = ignored, .note = no_membership,
                 .description = "SafeKit's membership: pulses until a leader counts as lost."},
    AttributeRow{.element = "lans", .name = "slost_count", .type = Type::integer, .fallback = "10", .minimum = 1,
                 .maximum = 100'000, .standing = ignored, .note = no_membership,
                 .description = "SafeKit's membership: pulses until a follower counts as lost."},
    AttributeRow{.element = "lan", .name = "name", .type = Type::label, .is_required = true,
                 .description = "Name of the network, unique in the file."},
    AttributeRow{.element = "lan", .name = "command", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .standing = ignored, .note = "commands reach the other node through the module's own channel",
                 .description = "SafeKit's network for commands on several nodes."},
    AttributeRow{.element = "lan", .name = "console", .type = Type::choice, .fallback = "", .allowed = "on|off",
                 .standing = ignored, .note = obsolete_lan, .description = "Obsolete."},
    AttributeRow{.element = "lan", .name = "framework", .type = Type::choice, .fallback = "", .allowed = "on|off",
                 .standing = ignored, .note = obsolete_lan, .description = "Obsolete."},
    AttributeRow{.element = "node", .name = "name", .type = Type::label, .is_required = true,
                 .description = "Name of the node, the same on every network; best its host name."},
    AttributeRow{.element = "node", .name = "addr", .type = Type::host, .is_required = true,
                 .description = "Address by which the other nodes reach this one: IPv4, `[IPv6]` or a name. A name "
                                "has to be resolved while the agent starts; an address always works."},
    AttributeRow{.element = "node", .name = "laddr", .type = Type::host, .inherits = "node.addr",
                 .description = "Address that the node itself has, where `addr` is a translated one (NAT)."},
    // userconfig.xml
    AttributeRow{.element = "macro", .name = "name", .type = Type::variable, .is_required = true,
                 .description = "Name of the macro, unique in the file."},
    AttributeRow{.element = "macro", .name = "value", .type = Type::text, .is_required = true,
                 .description = "Its text; may use macros defined above it."},
    AttributeRow{.element = "service", .name = "mode", .type = Type::choice, .is_required = true, .allowed = "mirror",
                 .not_built = "farm|light", .description = "`mirror`: two nodes, one of them primary."},
    AttributeRow{.element = "service", .name = "defaultprim", .type = Type::label, .fallback = "alone",
                 .not_built = "lastprim",
                 .description = "`alone`: whoever is primary stays it. A node's name: that node becomes primary "
                                "again as soon as it is back and up to date."},
    AttributeRow{.element = "service", .name = "failover", .type = Type::choice, .fallback = "on", .allowed = "on|off",
                 .description = "`off`: when the primary is lost the secondary waits for `clusteragent prim`."},
    AttributeRow{.element = "service", .name = "maxloop", .type = Type::integer, .fallback = "3", .maximum = 1000,
                 .description = "Restarts on error within `loop_interval` before the module stops."},
    AttributeRow{.element = "service", .name = "loop_interval", .type = Type::duration, .fallback = "24", .unit = "h",
                 .maximum = 8760, .description = "The time over which `maxloop` counts. 0: it does not count."},
    AttributeRow{.element = "service", .name = "boot", .type = Type::choice, .fallback = "ignore",
                 .allowed = "on|off|auto|ignore",
                 .description = "What the agent does with the module when the machine boots. `on`: starts it. `off`: "
                                "leaves it stopped. `auto` and `ignore`: starts it if it was running before."},
    AttributeRow{.element = "service", .name = "boot_delay", .type = Type::duration, .fallback = "0", .unit = "s",
                 .maximum = 86'400, .standing = default_only,
                 .note = "order the start with systemd instead (After= of clusteragent@MODULE.service)",
                 .description = "Pause before the start at boot."},
    AttributeRow{.element = "service", .name = "automatic_reboot", .type = Type::choice, .fallback = "off",
                 .allowed = "on|off", .standing = default_only, .note = "rebooting the machine on error is not built",
                 .description = "Reboot instead of a stopstart."},
    AttributeRow{.element = "heart", .name = "port", .type = Type::integer, .fallback = "8888", .minimum = 1,
                 .maximum = 65535,
                 .description = "UDP port of the heartbeats, the same on both nodes, its own for every module of a "
                                "node. SafeKit derives it from the module's number; here it is 8888 unless set."},
    AttributeRow{.element = "heart", .name = "pulse", .type = Type::duration, .fallback = "700", .unit = "ms",
                 .minimum = 1, .maximum = 60'000, .description = "Period of the heartbeats."},
    AttributeRow{.element = "heart", .name = "timeout", .type = Type::duration, .fallback = "30000", .unit = "ms",
                 .minimum = 3, .maximum = heart_timeout_max_ms,
                 .description = "Silence after which a network counts as down; at least three times `pulse`."},
    AttributeRow{.element = "heart", .name = "restart_grace", .type = Type::duration, .fallback = "10", .unit = "s",
                 .minimum = 1, .maximum = 60,
                 .description = "How long a restart or upgrade of the agent that was announced to the other node may "
                                "take. So long nobody takes over, and the application and the virtual IP stay. Not "
                                "in SafeKit."},
    AttributeRow{.element = "heart", .name = "watchdog", .type = Type::path,
                 .description = "The machine's watchdog device, such as `/dev/watchdog`, for this module alone: the "
                                "guard feeds it, and when the guard is frozen or cannot remove the virtual IP the "
                                "machine is reset. Unless set there is none. Not in SafeKit."},
    AttributeRow{.element = "heart", .name = "permanent_arp", .type = Type::choice, .fallback = "off",
                 .allowed = "on|off", .standing = ignored, .note = "no static ARP entry is made for the peer",
                 .description = "SafeKit's static ARP entry for the peer (on there unless set)."},
    AttributeRow{.element = "heartbeat", .name = "name", .type = Type::label, .is_required = true,
                 .description = "Name of a `<lan>` of cluster.xml."},
    AttributeRow{.element = "heartbeat", .name = "ident", .type = Type::label, .inherits = "heartbeat.name",
                 .description = "Label in the status and the log, unique in the module. `flow`: the network of the "
                                "replication."},
    AttributeRow{.element = "heartbeat", .name = "pulse", .type = Type::duration, .inherits = "heart.pulse",
                 .unit = "ms",
                 .minimum = 1, .maximum = 60'000, .description = "Period on this network."},
    AttributeRow{.element = "heartbeat", .name = "timeout", .type = Type::duration, .inherits = "heart.timeout",
                 .unit = "ms", .minimum = 3, .maximum = heart_timeout_max_ms,
                 .description = "Silence after which this network counts as down."},
    AttributeRow{.element = "vip", .name = "tcpreset", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .standing = ignored, .note = "connections are not reset; they end when the address has moved",
                 .description = "Reset of TCP connections before the address goes (on in SafeKit unless set)."},
    AttributeRow{.element = "vip", .name = "scriptcontrol", .type = Type::choice, .fallback = "off",
                 .allowed = "on|off",
                 .standing = default_only, .note = farm_only, .description = "For farm modules."},
    AttributeRow{.element = "interface", .name = "name", .type = Type::device,
                 .description = "The system's name of the interface; unless set, the one whose network holds the "
                                "virtual address."},
    AttributeRow{.element = "interface", .name = "check", .type = Type::choice, .fallback = "on", .allowed = "on|off",
                 .description = "Link loss on the primary leads to a failover; a node without link does not become "
                                "primary."},
    AttributeRow{.element = "interface", .name = "arpreroute", .type = Type::choice, .fallback = "off",
                 .allowed = "on|off",
                 .description = "Goes on announcing the addresses for `arpelapse` after the burst that every take-over "
                                "sends."},
    AttributeRow{.element = "interface", .name = "arpinterval", .type = Type::duration, .fallback = "60", .unit = "s",
                 .minimum = 1, .maximum = 86'400, .description = "Pause between these announcements."},
    AttributeRow{.element = "interface", .name = "arpelapse", .type = Type::duration, .fallback = "1200", .unit = "s",
                 .maximum = 604'800, .description = "How long they go on."},
    AttributeRow{.element = "virtual_addr", .name = "addr", .type = Type::host, .is_required = true,
                 .description = "The address: IPv4 or IPv6. A name is accepted and resolved when the module starts; an "
                                "address always works."},
    AttributeRow{.element = "virtual_addr", .name = "where", .type = Type::choice, .fallback = "one_side_alias",
                 .allowed = "one_side_alias|secondary", .not_built = "one_side|alias",
                 .description = "`one_side_alias`: a secondary address of the interface on the primary node. "
                                "`secondary` (ours): for clients that only read; on the secondary while that is fresh "
                                "enough, on the primary otherwise."},
    AttributeRow{.element = "virtual_addr", .name = "check", .type = Type::choice, .fallback = "on",
                 .allowed = "on|off",
                 .description = "Reacts when the address vanishes from the interface."},
    AttributeRow{.element = "virtual_addr", .name = "netmask", .type = Type::netmask,
                 .description = "Netmask of an IPv4 address, as 255.255.255.0 or 24; unless set, that of the "
                                "interface's network."},
    AttributeRow{.element = "virtual_addr", .name = "connections", .type = Type::choice, .fallback = "off",
                 .allowed = "on|off", .standing = default_only, .note = "counting connections is not built",
                 .description = "SafeKit's count of connections to the address."},
    AttributeRow{.element = "errd", .name = "polltimer", .type = Type::duration, .fallback = "30", .unit = "s",
                 .minimum = 1, .maximum = 3600,
                 .description = "Upper bound for noticing what the kernel does not report at once. The death of a "
                                "watched process is noticed without waiting for it."},
    AttributeRow{.element = "splitbrain", .name = "ident", .type = Type::label, .is_required = true,
                 .description = "Name of the witness in status and log."},
    AttributeRow{.element = "splitbrain", .name = "exec", .type = Type::choice, .fallback = "ping",
                 .allowed = "ping|witness|etcd",
                 .description = "`witness`: a third voter, `clusteragent witness`, on another machine: never two "
                                "primaries. `etcd`: etcd 3.4 or later as third voter, with the same promise. "
                                "`ping` (SafeKit's): a node that loses its peer goes on alone only when an "
                                "address answers; two that both get an answer are both primary."},
    AttributeRow{.element = "splitbrain", .name = "arg", .type = Type::text, .is_required = true,
                 .description = "IP address of the witness; with `etcd` the members, such as "
                                "`https://192.0.2.5:2379 https://192.0.2.6:2379`; with `ping` the addresses to ask."},
    AttributeRow{.element = "splitbrain", .name = "port", .type = Type::integer, .fallback = "9200", .minimum = 1,
                 .maximum = 65535, .description = "UDP port of the witness."},
    AttributeRow{.element = "splitbrain", .name = "etcd_prefix", .type = Type::text, .fallback = "clusteragent",
                 .description = "Where votes lie in etcd: `PREFIX/MODULE`. Clusters that share an etcd need a prefix "
                                "each."},
    AttributeRow{.element = "splitbrain", .name = "etcd_ca", .type = Type::path,
                 .description = "Certificates (PEM) that etcd's must be signed by. Unset: those that the system "
                                "trusts. etcd's certificate must name the IP address that `arg` names."},
    AttributeRow{.element = "splitbrain", .name = "etcd_cert", .type = Type::path,
                 .description = "Certificate (PEM) that this node shows to etcd."},
    AttributeRow{.element = "splitbrain", .name = "etcd_key", .type = Type::path,
                 .description = "Its key (PEM), mode 0600."},
    AttributeRow{.element = "splitbrain", .name = "etcd_user_file", .type = Type::path,
                 .description = "A file, mode 0600, with one line `USER:PASSWORD`, where etcd's authentication is on."},
    AttributeRow{.element = "proc", .name = "name", .type = Type::process, .is_required = true,
                 .description = "Name of the process (any length) or, with `service=\"yes\"`, of the service. With "
                                "`nameregex` only a label."},
    AttributeRow{.element = "proc", .name = "service", .type = Type::choice, .fallback = "no", .allowed = "yes|no",
                 .description = "`yes`: a service of the service manager."},
    AttributeRow{.element = "proc", .name = "nameregex", .type = Type::regex,
                 .description = "POSIX extended regular expression for the process's name."},
    AttributeRow{.element = "proc", .name = "argregex", .type = Type::regex,
                 .description = "POSIX extended regular expression for the whole command line."},
    AttributeRow{.element = "proc", .name = "atleast", .type = Type::integer, .fallback = "1", .minimum = -1,
                 .maximum = 100'000, .description = "Acts when fewer run. -1: never."},
    AttributeRow{.element = "proc", .name = "atmax", .type = Type::integer, .fallback = "-1", .minimum = -1,
                 .maximum = 100'000, .description = "Acts when that many run; 0: when any is started. -1: never."},
    AttributeRow{.element = "proc", .name = "action", .type = Type::reaction, .fallback = "stopstart",
                 .description = "`restart` (application, on the same node), `stopstart` (leads to a failover), `stop`, "
                                "`noaction`, or a handler: an absolute path or one relative to the module's `bin`. A "
                                "handler that exits with 0 has dealt with it; any other code is a stopstart."},
    AttributeRow{.element = "proc", .name = "class", .type = Type::choice, .fallback = "prim",
                 .allowed = "prim|both|pre|second|sec",
                 .note = "classes that are armed by hand are not built",
                 .description = "When it is watched: from the end of the start script of that name to the beginning of "
                                "the stop script."},
    AttributeRow{.element = "proc", .name = "restart_services", .type = Type::choice, .fallback = "no",
                 .allowed = "yes|no", .standing = ignored,
                 .note = "scripts are not told which services failed; they restart all of them",
                 .description = "SafeKit 8.2.6: names the failed services to the scripts. Only with "
                                "`service=\"yes\"` and "
                                "`action=\"restart\"`."},
    AttributeRow{.element = "proc", .name = "start_after", .type = Type::integer, .fallback = "0", .maximum = 1000,
                 .description = "n > 1: watched only (n - 1) times `polltimer` after its class is armed."},
    AttributeRow{.element = "rfs", .name = "acl", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .description = "`on`: the kernel checks access control lists in the directory, and default lists are "
                                "inherited. `off`: they travel as extended attributes, and only the mode counts."},
    AttributeRow{.element = "rfs", .name = "async", .type = Type::choice, .fallback = "second",
                 .allowed = "second|none",
                 .description = "`second`: the secondary acknowledges what it has applied. `none`: after it has "
                                "written it to disk."},
    AttributeRow{.element = "rfs", .name = "acknowledge", .type = Type::choice, .fallback = "fsync",
                 .allowed = "fsync|write",
                 .description = "`fsync`: what the application asks to have on disk waits for the other node. `write`: "
                                "every write does, for applications that do not ask; slower. Not in SafeKit."},
    AttributeRow{.element = "rfs", .name = "mountover", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .standing = ignored, .note = "it belongs to SafeKit 7 and has no meaning any more",
                 .description = "Of old files."},
    AttributeRow{.element = "rfs", .name = "mountoversuffix", .type = Type::label,
                 .fallback = "_For_SafeKit_Replication",
                 .standing = ignored, .note = "the directory is never renamed here",
                 .description = "Suffix of the renamed directory."},
    AttributeRow{.element = "rfs", .name = "packetsize", .type = Type::integer, .unit = "bytes", .minimum = 1024,
                 .maximum = 67'108'864, .standing = ignored, .note = "the application's own writes travel as they are",
                 .description = "Packet size of the replication."},
    AttributeRow{.element = "rfs", .name = "reipacketsize", .type = Type::integer, .fallback = "8388608",
                 .unit = "bytes", .minimum = 4096, .maximum = 67'108'864,
                 .standing = ignored, .note = "blocks of 64 KiB are compared here, and those that differ travel",
                 .description = "Packet size of a resynchronisation."},
    AttributeRow{.element = "rfs", .name = "ruzone_blocksize", .type = Type::integer, .inherits = "rfs.reipacketsize",
                 .unit = "bytes", .minimum = 4096, .maximum = 1'073'741'824,
                 .standing = ignored, .note = "blocks of 64 KiB are compared here, and those that differ travel",
                 .description = "Granularity of the map of dirty zones; a multiple of `reipacketsize`."},
    AttributeRow{.element = "rfs", .name = "iotimeout", .type = Type::duration, .fallback = "300", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s, .standing = ignored, .note = "it belongs to Windows",
                 .description = "Windows: limit of an I/O."},
    AttributeRow{.element = "rfs", .name = "roflags", .type = Type::integer, .fallback = "0x10", .maximum = 0x1ffff,
                 .standing = ignored, .note = "it belongs to Windows",
                 .description = "Windows: reaction to writers on the secondary."},
    AttributeRow{.element = "rfs", .name = "locktimeout", .type = Type::duration, .fallback = "100", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "So long the secondary may confirm nothing; the primary then goes on alone."},
    AttributeRow{.element = "rfs", .name = "sendtimeout", .type = Type::duration, .fallback = "30", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "So long the network may take nothing of what is to be sent; the primary then goes on "
                                "alone."},
    AttributeRow{.element = "rfs", .name = "nbrei", .type = Type::integer, .fallback = "6", .minimum = 1, .maximum = 64,
                 .description = "How many pieces of 1 MiB a resynchronisation reads from the disk at once, ahead of "
                                "what it compares."},
    AttributeRow{.element = "rfs", .name = "reitimeout", .type = Type::duration, .fallback = "150", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "So long the secondary may confirm nothing while it is brought up to date; the "
                                "resynchronisation then begins anew."},
    AttributeRow{.element = "rfs", .name = "reicommit", .type = Type::integer, .fallback = "0", .maximum = int32_max,
                 .standing = ignored, .note = "a copy counts when all of it is on disk, not earlier",
                 .description = "Commit every n blocks; 0: at the end."},
    AttributeRow{.element = "rfs", .name = "reidetail", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .standing = ignored, .note = "the status shows how far it is",
                 .description = "Detailed log of a resynchronisation."},
    AttributeRow{.element = "rfs", .name = "reiallowedbw", .type = Type::integer, .unit = "KB/s", .minimum = 1,
                 .maximum = int32_max,
                 .description = "Bandwidth of a resynchronisation, of the contents that it sends; unlimited unless "
                                "set. What the application writes meanwhile is not held up by it."},
    AttributeRow{.element = "rfs", .name = "allocthreshold", .type = Type::integer, .fallback = "0", .unit = "GB",
                 .maximum = int32_max, .standing = ignored, .note = "it belongs to Windows",
                 .description = "Windows: size from which files are pre-allocated."},
    AttributeRow{.element = "rfs", .name = "nbremconn", .type = Type::integer, .fallback = "1", .minimum = 1,
                 .maximum = 64,
                 .standing = ignored, .note = "one connection carries everything, which keeps it in order",
                 .description = "TCP connections between the nodes."},
    AttributeRow{.element = "rfs", .name = "namespacepolicy", .type = Type::choice, .fallback = "4",
                 .allowed = "0|1|3|4",
                 .standing = ignored, .note = "blocks are compared in every case; an interrupted copy begins anew",
                 .description = "How a resynchronisation by zones works; 0: not."},
    AttributeRow{.element = "rfs", .name = "checktime", .type = Type::duration, .fallback = "220000", .unit = "ms",
                 .minimum = 1, .maximum = 86'400'000,
                 .description = "So long a null request to the mirrored directories may take, a request of the "
                                "application (if `sendtimeout` is shorter) and what the engine is told to do (30 s or "
                                "more); afterwards the replication engine is ended, and another takes its place or the "
                                "module is restarted. Less than a second counts as one."},
    AttributeRow{.element = "rfs", .name = "checkintv", .type = Type::duration, .fallback = "120", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "Pause between null requests."},
    AttributeRow{.element = "rfs", .name = "nfsbox_options", .type = Type::choice, .fallback = "cross",
                 .allowed = "cross|nocross", .standing = ignored, .note = "it belongs to Windows",
                 .description = "Windows: follow or copy mount points."},
    AttributeRow{.element = "rfs", .name = "scripts", .type = Type::choice, .fallback = "off", .allowed = "on|off",
                 .standing = stored, .note = "what SafeKit ships with such scripts is for Hyper-V, on Windows",
                 .description = "Call the `_rfs_*` scripts."},
    AttributeRow{.element = "rfs", .name = "syncdelta", .type = Type::duration, .fallback = "0", .unit = "min",
                 .maximum = 525'600, .standing = stored,
                 .note = "such a node gives up what the other one acknowledged since; with a witness a node knows "
                         "whether it is current, and without one `clusteragent prim --force` is the operator's word",
                 .description = "Age of the last synchronisation up to which a node that is not up to date may "
                                "become primary."},
    AttributeRow{.element = "rfs", .name = "syncat", .type = Type::text, .standing = stored,
                 .note = "what is written between two times would be lost with the primary; the copies are equal all "
                         "the time",
                 .description = "Synchronise at these times instead of continuously."},
    AttributeRow{.element = "rfs", .name = "salvage", .type = Type::integer, .fallback = "1000", .unit = "MB",
                 .maximum = 1'000'000,
                 .description = "Not in SafeKit. Room on each node, under /var/lib/clusteragent, for what a copy from "
                                "the other node overwrites where this node had written on its own "
                                "(`clusteragent salvage`); 0: it is lost."},
    AttributeRow{.element = "rfs", .name = "verify_at", .type = Type::text,
                 .description = "Not in SafeKit. Time of day, such as `03:30`, local: the primary then compares both "
                                "copies, while the application goes on (`clusteragent rfs verify`)."},
    AttributeRow{.element = "flow", .name = "name", .type = Type::label, .is_required = true,
                 .description = "Name of a `<lan>` of cluster.xml."},
    AttributeRow{.element = "replicated", .name = "dir", .type = Type::path, .is_required = true,
                 .description = "The directory, an absolute path of Linux or Windows."},
    AttributeRow{.element = "replicated", .name = "mode", .type = Type::choice, .allowed = "read_only",
                 .description = "`read_only`: only the primary may write to it. So it is in any case."},
    AttributeRow{.element = "tocheck", .name = "path", .type = Type::text, .is_required = true,
                 .description = "The path, absolute or relative to `dir`."},
    AttributeRow{.element = "notreplicated", .name = "path", .type = Type::text,
                 .description = "A file, or a folder with all below it, relative to `dir`, as `auto.cnf`. Either this "
                                "or `regexpath`."},
    AttributeRow{.element = "notreplicated", .name = "regexpath", .type = Type::regex_or_not,
                 .description = "POSIX extended regular expression, searched in the path relative to `dir`, as "
                                "`\\.(pid|sock|err)$`. With a leading `!` only files that match are replicated, and "
                                "every folder. A file that any `<notreplicated>` takes out is out."},
    AttributeRow{.element = "user", .name = "nicestoptimeout", .type = Type::duration, .fallback = "300", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "Limit of a stop script before it is called again with `force`."},
    AttributeRow{.element = "user", .name = "forcestoptimeout", .type = Type::duration, .fallback = "300", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "Limit of a stop script called with `force` before it is killed."},
    AttributeRow{.element = "user", .name = "starttimeout", .type = Type::duration, .fallback = "300", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "Limit of a start script; longer is a failure. Not in SafeKit, which waits for ever."},
    AttributeRow{.element = "user", .name = "fencetimeout", .type = Type::duration, .fallback = "60", .unit = "s",
                 .minimum = 1, .maximum = script_limit_max_s,
                 .description = "Limit of the `fence` script; longer is a failure and blocks the take-over. Not in "
                                "SafeKit."},
    AttributeRow{.element = "user", .name = "logging", .type = Type::choice, .fallback = "userlog",
                 .allowed = "userlog|none", .description = "Where the output of the scripts goes."},
    AttributeRow{.element = "user", .name = "userlogsize", .type = Type::integer, .fallback = "2048", .unit = "KB",
                 .minimum = 1, .maximum = 1'048'576, .description = "Size of the userlog at which it is rotated."},
    AttributeRow{.element = "var", .name = "name", .type = Type::variable, .is_required = true,
                 .description = "Name of the variable, unique in the module."},
    AttributeRow{.element = "var", .name = "value", .type = Type::text, .is_required = true,
                 .description = "Its value."},
};
// clang-format on

constexpr auto attributes = [] {
  std::array<AttributeRow, of_failover.size() + mysql_attributes.size()> all{};
  std::ranges::copy(mysql_attributes, std::ranges::copy(of_failover, all.begin()).out);
  return all;
}();

}  // namespace

std::span<const AttributeRow> attribute_rows() {
  return attributes;
}

const AttributeRow* find_attribute(std::string_view element, std::string_view name) {
  for (const AttributeRow& row : attributes_of(element)) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::span<const AttributeRow> attributes_of(std::string_view element) {
  std::size_t from = 0;
  while (from < attributes.size() && attributes[from].element != element) ++from;
  std::size_t to = from;
  while (to < attributes.size() && attributes[to].element == element) ++to;
  return std::span{attributes}.subspan(from, to - from);
}

}  // namespace clusteragent::config
