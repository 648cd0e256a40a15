#pragma once
// Engine: the process that mirrors the directories of one module, in one stream. Mounts them, leads or follows as the
// agent says, and tells the agent what came of it. Ends when the agent does: an application without its agent must not
// go on writing here.
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "agent/data/engine_protocol.hpp"
#include "agent/data/filesync/engine/engine_lock.hpp"
#include "agent/data/filesync/engine/own_threads.hpp"
#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/replica/follower.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"
#include "agent/data/filesync/store/history_file.hpp"
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
  Status open_directories();
  Status check_apart() const;
  Status open_directory(std::size_t at);
  std::vector<Directory> directories() const;
  /// What stands before a path of each where somebody reads it: nothing where there is one.
  std::vector<std::string> prefixes() const;
  void configure(const data::Json& command);
  Status lead(std::uint64_t epoch, bool is_solo);
  Status follow(std::uint64_t epoch, std::uint64_t diverged_epoch);
  Status mount(Stream* stream);
  void begin_leading(std::uint64_t epoch, bool is_solo, Marks known);
  Status write_to_disk() const;
  void let_go();
  ChannelOptions channel_options() const;
  LeaderEvents leader_events();
  void tell(const data::Json& message);
  void tell_progress();
  data::Json progress();
  void answer(const Waiter& waiter, int error);
  // engine_check.cpp
  /// Answers later, from another thread, or not at all.
  void check(std::uint64_t token, Duration limit);
  // engine_history.cpp
  std::string identity() const;
  /// Before the first change: names the history that this copy will have, and what is not certain in it.
  Status begin_history();
  Standing standing() const;
  Marks own_marks() const;
  void lose_journal(const std::string& reason);
  Status set_standing(const Standing& standing);
  /// The next copy compares everything.
  void forget_history();
  // engine_protection.cpp
  /// Alone with the directories; once more: does nothing.
  Status set_up();
  void tell_dead_mounts();
  bool remove_stale_mounts();
  /// What close() is to an engine whose former one has died.
  void close_after_crash();
  void remember_closing(HistoryRecord record, const std::string& here);
  /// Nobody has mounted something over what this engine has mounted, or has taken that away.
  bool is_in_place() const;
  /// The module stops: from now on a secondary's directories are read-only, and anybody may write in a primary's.
  void close();
  void protect();
  /// Looks for what was changed since close().
  Status reopen(bool is_to_lead);
  void tell_tampering(std::uint64_t count, const std::vector<std::string>& first, bool is_to_lead, bool has_led);
  void load_tampering();
  void forget_tampering();
  // engine_salvage.cpp
  std::shared_ptr<Salvage> salvage(std::uint64_t diverged_epoch);
  data::Json salvaged();
  // engine_take_over.cpp
  void make_volume(std::size_t at, Stream* stream, std::shared_ptr<fuse::Inheritance> inheritance);
  /// The agent keeps what another engine needs should this one die.
  void hand_over(std::size_t at);
  KeptFiles kept_files();
  void take_back_handed();
  /// Of a primary's engine that died: its mounts, as they are, and what the kernel has under way in them.
  Status take_over(std::uint64_t epoch, bool is_solo);
  Status receive_volumes(std::vector<std::shared_ptr<fuse::Inheritance>>& inheritances);
  Status restore_volumes(std::vector<std::shared_ptr<fuse::Inheritance>> inheritances);
  void let_die();
  // engine_verify.cpp
  Status verify(bool repairs);
  void keep_verification(const VerifyReport& report);
  void load_verification();
  data::Json verification() const;

  int socket_;
  OwnThreads threads_;
  std::thread checking_;
  std::atomic<bool> is_checking_ = false;
  // Of the files that the kernel knows; outlives the volumes and the leader, which remembers some of them.
  DescriptorCache descriptors_{cached_descriptors_max()};
  std::optional<data::EngineOptions> options_;
  std::optional<Marker> incomplete_;
  std::optional<HistoryFile> history_;
  struct Mirror {
    platform::Fd root;
    Exclusion exclusion;
    std::shared_ptr<fuse::Inheritance> inheritance;
    std::unique_ptr<fuse::Volume> volume;
    std::shared_ptr<fuse::Session> session;  // under mutex_
  };
  std::vector<Mirror> mirrors_;  // one a directory, in their order
  struct Held {
    data::Json about;
    std::vector<platform::Fd> descriptors;
  };
  std::map<std::string, Held> held_;  // what the agent kept of a former engine
  bool has_handed_over_ = false;
  Standing led_;
  std::shared_ptr<Journal> journal_;  // while leading
  mutable std::mutex mutex_;
  std::unique_ptr<Leader> leader_;
  bool was_open_ = false;  // since the last order to lead, something could be written
  std::unique_ptr<Follower> follower_;
  std::optional<EngineLock> lock_;
  data::Json told_;
  data::Json tampered_;  // what was changed while nothing ran, until it is dealt with; guarded by mutex_
  data::Json salvaged_;
  std::int64_t salvage_changed_ns_ = 0;
  bool is_salvaging_ = false;
  std::optional<VerifyReport> verified_;  // the newest that has ended; guarded by mutex_
};

/// The hidden verb `filesync` of the command line; exit code.
int run_engine();

}  // namespace clusteragent::filesync
