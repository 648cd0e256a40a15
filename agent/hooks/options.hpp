#pragma once
// What the script runner has to know of a module. Plain values, set once by the daemon from userconfig.xml and the
// paths of this installation; nothing in here is looked up again later.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace clusteragent::hooks {

struct Options {
  std::string module;          // SAFEMODULE
  std::string node;            // CLUSTERAGENT_NODE
  std::string peer;            // CLUSTERAGENT_PEER: the other node
  std::string peer_addresses;  // CLUSTERAGENT_PEER_ADDRESSES: its heartbeat addresses, with spaces between
  std::string root;            // CLUSTERAGENT_ROOT; empty: the machine's own paths
  std::string bin_dir;         // SAFEUSERBIN: the module's scripts
  std::string safe_dir;        // SAFE: where the `safekit` shim lies
  std::string safe_bin_dir;    // SAFEBIN
  std::string conf_dir;        // SAFEUSERCONF
  std::string var_dir;         // SAFEVAR
  std::string user_var_dir;    // SAFEUSERVAR: the module's own place, and the scripts' working directory
  std::string lib_dir;         // CLUSTERAGENT_LIB: the shell library; empty: the library's own default
  std::string agent_binary;    // CLUSTERAGENT_BIN: what the shim runs; empty: found by PATH
  std::vector<std::pair<std::string, std::string>> variables;  // <var>
  bool logging = true;                                         // logging="userlog"; false: output is thrown away
  std::string userlog_dir;                                     // one file a run; made when missing
  std::uint64_t userlog_bytes_max = 2048ULL * 1024;            // of one file (userlogsize)
  std::uint32_t userlog_files_max = 64;                        // 64 files of 2 MiB: at most 128 MiB a module
  // Directory of the cgroup v2 hierarchy in which the service's own cgroups are made (see default_service_cgroup).
  // Empty: processes left behind are found by the marker in their environment.
  std::string service_cgroup;
};

}  // namespace clusteragent::hooks
