#pragma once
// Engine: the process that mirrors one directory. Mounts it, leads or follows as the agent says, and tells the agent
// what came of it. Ends when the agent does: an application without its agent must not go on writing here.
#include <memory>
#include <mutex>
#include <optional>

#include "agent/data/engine_protocol.hpp"
#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/replica/follower.hpp"
#include "agent/data/filesync/store/marker.hpp"
#include "agent/data/filesync/stream/leader.hpp"

namespace clusteragent::filesync {

class Engine {
 public:
  explicit Engine(int socket) : socket_{socket} {}

  /// Until the agent's end of the socket is closed.
  int run();

 private:
  void carry_out(const data::Json& command);
  Status open_directory();
  Status lead(std::uint64_t epoch, bool is_solo);
  Status follow(std::uint64_t epoch, std::uint64_t diverged_epoch);
  Status mount(Stream* stream);
  Status check_contents() const;
  void let_go();
  void release();
  ChannelOptions channel_options() const;
  LeaderEvents leader_events();
  void tell(const data::Json& message);
  void tell_progress();
  data::Json progress();
  // engine_protection.cpp
  void await_former_engine();
  void close_directory();
  void seal_directory();
  Status reopen_directory(bool is_to_lead);
  void load_tampering();
  void forget_tampering();
  // engine_salvage.cpp
  std::shared_ptr<Salvage> salvage(std::uint64_t diverged_epoch);
  data::Json salvaged();
  // engine_verify.cpp
  Status verify(bool repairs);
  void keep_verification(const VerifyReport& report);
  void load_verification();
  data::Json verification() const;
  void answer(const Waiter& waiter, int error);

  int socket_;
  std::optional<data::EngineOptions> options_;
  std::optional<Marker> incomplete_;
  platform::Fd life_;  // locked as long as this process lives
  platform::Fd root_;
  std::unique_ptr<fuse::Volume> volume_;
  mutable std::mutex mutex_;
  std::shared_ptr<fuse::Session> session_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<Follower> follower_;
  data::Json told_;
  data::Json tampered_;     // what was changed while nothing ran, until it is dealt with; guarded by mutex_
  bool owes_seal_ = false;  // closed, and the answer to the agent comes first
  data::Json salvaged_;
  std::int64_t salvage_changed_ns_ = 0;
  bool is_salvaging_ = false;
  std::optional<VerifyReport> verified_;  // the newest that has ended; guarded by mutex_
};

/// The hidden verb `filesync` of the command line; exit code.
int run_engine();

}  // namespace clusteragent::filesync
