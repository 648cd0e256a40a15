#pragma once
// What the agent and its engine say to each other over their socket pair (SOCK_SEQPACKET, a JSON object a message).
// Both come from one build, so there is one version. Values; any thread.
//
// To the engine: configure (once, first), keys, lead, follow, allow_solo, give_up, release, verify, check; hold (once
// for each that was kept) and take_over, in place of lead. To the agent: finished (answers lead, follow, release,
// verify, check and take_over by their token), synced, behind, note, alarm (of MySQL: raised, id, text), replica (of
// MySQL, on a standby every second: lag_ms where it is known, problem where it does not follow), progress; keep
// (descriptors beside it, which are the next engine's should this one die), drop, drop_all.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::data {

using Json = nlohmann::json;

/// Where the engine finds its socket.
inline constexpr int engine_descriptor = 3;
inline constexpr std::size_t message_bytes_max = 64 * 1024;

struct EngineKey {
  std::string identity;
  wire::Key key{};
};

struct EngineDirectory {
  std::string path;
  std::vector<std::string> must_exist;
  std::vector<filesync::ExclusionRule> excluded;
};

struct EngineOptions {
  std::string module;
  std::string node;
  std::vector<EngineDirectory> directories;  // the replicated ones, in the order of the configuration
  std::string state_path;                    // a folder of the engine's own
  std::vector<std::string> own_addresses;
  std::vector<std::string> peer_addresses;
  std::uint16_t port = 0;
  std::vector<EngineKey> keys;
  std::uint64_t salvage_bytes_max = 0;  // 0: what a copy overwrites is not kept
  bool has_acl = false;
  bool acknowledges_on_disk = false;
  bool acknowledges_writes = false;
  Duration silence_limit{};
  Duration confirm_limit{};
  Duration copy_limit{};
  Duration send_limit{};
  std::uint64_t copy_bytes_per_second = 0;
  std::uint32_t copy_pieces = 1;
};

/// The directories as a sentence has them; two nodes with the same text mirror the same.
std::string directories_text(const EngineOptions& options);
Json to_json(const EngineOptions& options);
Json to_json(const std::vector<EngineKey>& keys);
/// Asserts: what the agent wrote is well formed.
EngineOptions engine_options(const Json& json);
std::vector<EngineKey> engine_keys(const Json& json);

}  // namespace clusteragent::data
