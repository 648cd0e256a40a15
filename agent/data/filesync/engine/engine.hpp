#pragma once
// Engine: the process that mirrors the directories of one module, in one stream. Mounts them, leads or follows as the
// agent says, and tells the agent what came of it. Ends when the agent does: an application without its agent must not
// go on writing here.
#include <memory>
#include <mutex>
#include <optional>

#include "agent/data/engine_protocol.hpp"
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
  void configure(const data::Json& command);
  Status lead(std::uint64_t epoch, bool is_solo);
  Status follow(std::uint64_t epoch);
  Status mount(Stream* stream);
  Status write_to_disk() const;
  std::string identity() const;
  /// Before the first change: names the history that this copy will have, and what is not certain in it.
  Status begin_history();
  Standing standing() const;
  Marks own_marks() const;
  void lose_journal(const std::string& reason);
  Status set_standing(const Standing& standing);
  void let_go();
  /// The module stops: from now on anybody may write beneath.
  void close();
  void check_untouched();
  ChannelOptions channel_options() const;
  LeaderEvents leader_events();
  void tell(const data::Json& message);
  void tell_progress();
  void answer(const Waiter& waiter, int error);

  int socket_;
  // Of the files that the kernel knows; outlives the volumes and the leader, which remembers some of them.
  DescriptorCache descriptors_{cached_descriptors_max()};
  std::optional<data::EngineOptions> options_;
  std::optional<Marker> incomplete_;
  std::optional<HistoryFile> history_;
  struct Mirror {
    platform::Fd root;
    Exclusion exclusion;
    std::unique_ptr<fuse::Volume> volume;
    std::shared_ptr<fuse::Session> session;  // under mutex_
  };
  std::vector<Mirror> mirrors_;  // one a directory, in their order
  Standing led_;
  std::shared_ptr<Journal> journal_;  // while leading
  std::mutex mutex_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<Follower> follower_;
  data::Json told_;
};

/// The hidden verb `filesync` of the command line; exit code.
int run_engine();

}  // namespace clusteragent::filesync
