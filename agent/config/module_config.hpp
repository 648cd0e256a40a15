#pragma once
// userconfig.xml: one mirror module.
//
// Purpose: a value that exists only when the file was free of errors, so that no reader has to check anything again.
// Ownership: values. Threads: any. Units: durations are exact, sizes carry their unit in the name. What an attribute
// means and which default it has: userconfig/reference.md, generated from the table.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/base/time.hpp"
#include "agent/config/address.hpp"
#include "agent/config/mysql_replication.hpp"
#include "agent/config/section.hpp"
#include "agent/config/splitbrain.hpp"

namespace clusteragent::config {

enum class Boot : std::uint8_t { on, off, automatic, ignore };

struct ServiceConfig {
  std::string default_primary;               // a node's name; empty: "alone"
  std::optional<NodeId> default_primary_id;  // of that node, when a cluster was given
  bool failover = true;
  std::uint32_t maxloop = 0;
  Duration loop_interval{};  // 0: the budget does not count
  Boot boot = Boot::ignore;
};

struct HeartbeatConfig {
  PathId path;      // position in the file
  std::string lan;  // of cluster.xml
  std::string ident;
  Duration pulse{};
  Duration timeout{};
};

struct HeartConfig {
  std::uint16_t port = 0;
  Duration pulse{};
  Duration timeout{};
  Duration restart_grace{};
  std::string watchdog;                     // device; empty: none
  std::vector<HeartbeatConfig> heartbeats;  // at least one
};

struct VirtualAddressConfig {
  HostAddress address;
  std::optional<std::uint8_t> prefix_bits;  // of `netmask`; nullopt: that of the interface's network
  bool is_checked = true;
  bool is_for_readers = false;  // where="secondary"
};

struct InterfaceConfig {
  std::string name;  // empty: found by the network that holds the virtual address
  bool is_checked = true;
  bool arp_reroute = false;
  Duration arp_interval{};
  Duration arp_elapse{};
  std::vector<VirtualAddressConfig> addresses;  // at least one
};

enum class ProcessClass : std::uint8_t { pre, prim, second, sec, both };
enum class ProcessReaction : std::uint8_t { restart, stopstart, stop, noaction, handler };

struct ProcessConfig {
  std::string name;
  bool is_service = false;
  std::string name_regex;                // empty: none
  std::string arg_regex;                 // empty: none
  std::optional<std::uint32_t> atleast;  // nullopt: -1, never
  std::optional<std::uint32_t> atmax;
  ProcessReaction reaction = ProcessReaction::stopstart;
  std::string handler;  // path, when the reaction is a handler
  ProcessClass process_class = ProcessClass::prim;
  std::uint32_t start_after = 0;
};

struct ErrdConfig {
  Duration poll{};
  std::vector<ProcessConfig> processes;
};

struct NotReplicatedConfig {
  std::string path;   // either this
  std::string regex;  // or this
  bool is_inverted = false;
};

struct ReplicatedConfig {
  std::string directory;
  bool is_read_only = false;
  std::vector<std::string> must_exist;
  std::vector<NotReplicatedConfig> excluded;
};

enum class SecondaryAck : std::uint8_t { on_receipt, on_disk };

/// What of it is not built yet keeps the module from starting (replication.hpp). Attributes of one platform only or of
/// diagnosis are in ModuleConfig::effective.
struct RfsConfig {
  SecondaryAck acknowledge = SecondaryAck::on_receipt;
  bool acknowledges_writes = false;  // each of them, not only those that fsync asks for
  bool acl = false;
  std::uint32_t resync_readers = 0;
  std::int64_t resync_packet_bytes = 0;
  std::int64_t zone_bytes = 0;
  std::optional<std::int64_t> resync_kilobytes_per_second_max;
  Duration lock_timeout{};
  Duration send_timeout{};
  Duration resync_timeout{};
  std::uint32_t connections = 0;
  Duration check_limit{};
  Duration check_pause{};
  Duration sync_delta{};
  std::string sync_at;                            // empty: all the time
  std::uint64_t salvage_bytes_max = 0;            // 0: nothing is kept
  std::optional<std::chrono::minutes> verify_at;  // since local midnight
  std::string flow_lan;                           // empty: the heartbeat with ident "flow", else the first
  std::vector<ReplicatedConfig> directories;
};

struct UserConfig {
  Duration start_limit{};
  Duration stop_limit{};
  Duration force_limit{};
  Duration fence_limit{};
  bool has_userlog = true;
  std::int64_t userlog_kilobytes_max = 0;
  std::vector<std::pair<std::string, std::string>> variables;
};

/// Why a configuration that is right cannot be started by this version.
struct StartRefusal {
  std::string element;
  std::string message;
};

struct ModuleConfig {
  std::string file;
  ServiceConfig service;
  HeartConfig heart;
  std::vector<InterfaceConfig> interfaces;
  std::optional<ErrdConfig> errd;
  std::optional<RfsConfig> rfs;
  std::optional<MysqlReplicationConfig> mysql;  // not together with rfs
  SplitbrainConfig splitbrain;
  std::optional<UserConfig> user;
  std::vector<StartRefusal> start_refusals;
  Section effective;

  bool has_virtual_address() const { return !interfaces.empty(); }
  /// Never without an address of the primary.
  bool has_reader_address() const;
  bool mirrors_data() const { return rfs.has_value() || mysql.has_value(); }
};

}  // namespace clusteragent::config
