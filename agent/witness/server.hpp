#pragma once
// WitnessServer: answers the questions of the nodes of many clusters, each module by a voter of its own. What it
// promises: docs/witness.md.
//
// Ownership: the daemon's; the io_context outlives it. Threads: the loop; a worker waits for the disk. The caller loads
// the keys. Bounds: keys_max keys, modules_max modules each; of each module one write under way and two questions
// waiting.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/voter.hpp"
#include "agent/platform/asio.hpp"
#include "agent/wire/witness_frame.hpp"
#include "agent/witness/datagram_socket.hpp"
#include "agent/witness/module_voter.hpp"
#include "agent/witness/store_worker.hpp"
#include "agent/witness/voter_file.hpp"

namespace clusteragent::witness {

constexpr std::size_t keys_max = 256;
constexpr std::size_t modules_max = 32;  // of a key

struct ClusterKey {
  std::string name;  // of the file of the current key
  wire::KeyRing ring;
};

struct ServerOptions {
  std::string address;      // to listen on; empty: all of them, both families
  std::uint16_t port = 0;   // 0: the kernel picks one
  std::string state_dir;    // exists, on a disk
  std::string promise_dir;  // exists, on a tmpfs
  std::string boot_id;      // machine_boot_id()
};

/// Datagrams that were not answered by a voter, by reason; and those that were.
struct ServerCounters {
  std::uint64_t received = 0;
  std::uint64_t malformed = 0;
  std::uint64_t foreign_key = 0;
  std::uint64_t bad_mac = 0;
  std::uint64_t other_version = 0;
  std::uint64_t unproven = 0;
  std::uint64_t replayed = 0;
  std::uint64_t too_many_modules = 0;
  std::uint64_t granted = 0;
  std::uint64_t refused = 0;
};

struct ModuleStatus {
  std::uint64_t module_hash = 0;
  core::VoterState state;
  std::optional<core::Promise> promise;  // one that has not run out
  Duration silent_for{};
  std::optional<Duration> last_asked_age;
  bool is_storing = false;
  std::string problem;
};
struct KeyStatus {
  std::uint64_t key_id = 0;
  std::uint64_t asked = 0;  // authentic questions since the keys were read
};
struct ClusterStatus {
  std::string name;
  std::uint64_t key_id = 0;     // of the current key
  std::uint64_t votes_key = 0;  // under which its files lie
  std::vector<KeyStatus> keys;  // accepted, the current one first
  std::vector<ModuleStatus> modules;
};
struct ServerStatus {
  std::uint16_t port = 0;
  std::vector<ClusterStatus> clusters;
  ServerCounters counters;
};

class WitnessServer {
 public:
  static Result<std::unique_ptr<WitnessServer>> open(boost::asio::io_context& io, ServerOptions options,
                                                     const std::vector<ClusterKey>& keys);
  WitnessServer(const WitnessServer&) = delete;
  WitnessServer& operator=(const WitnessServer&) = delete;

  /// Loads the votes of keys that are new and forgets those that are gone; their files stay. Reads the disk.
  Status set_keys(const std::vector<ClusterKey>& keys);
  ServerStatus status(Instant now) const;

 private:
  struct Accepted {
    std::string name;                        // of the cluster
    wire::Key key{};                         // of witness_key()
    std::uint64_t votes_key = 0;             // under which the votes of its cluster lie
    std::optional<wire::UnixSeconds> until;  // nullopt: no end
    std::uint64_t asked = 0;
  };
  using Modules = std::map<ModuleId, std::unique_ptr<ModuleVoter>>;

  WitnessServer(boost::asio::io_context& io, ServerOptions options);
  bool add_cluster(const ClusterKey& cluster, std::map<std::uint64_t, Accepted>& accepted) const;
  Status load_modules();
  Accepted* find_key(std::uint64_t key_id);
  bool serves(std::uint64_t votes_key) const;
  void receive(std::span<const std::uint8_t> datagram, const ReplyPath& from);
  void judge(std::uint64_t votes_key, const wire::WitnessHeader& header, const core::WitnessRequest& request,
             const ReplyPath& from);
  void count(wire::WitnessFlaw flaw);
  ModuleVoter* find_or_make(const ModuleId& id);
  Modules::iterator load(const ModuleId& id);
  std::size_t modules_of(std::uint64_t votes_key) const;
  void send(const ReplyPath& to, wire::WitnessHeader header, const wire::WitnessBody& body);
  void answer(const Asked& asked, const core::WitnessAnswer& answer);

  ServerOptions options_;
  std::uint64_t challenge_ = 0;  // with which new gates begin; random, new with each set of keys
  std::vector<ClusterKey> clusters_;
  std::map<std::uint64_t, Accepted> keys_;  // by key id
  Modules modules_;                         // by the key under which their votes lie
  ServerCounters counters_;
  StoreWorker worker_;
  std::unique_ptr<DatagramSocket> socket_;
};

}  // namespace clusteragent::witness
