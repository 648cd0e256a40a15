#pragma once
// Follower: the replica's side: listens for the primary, takes its stream, and lets the Applier do it. One connection
// at a time reads the network, one thread applies, so that a slow disk does not look like a dead node.
//
// Ownership: of its threads; what is in `directories` and the callbacks must outlive it. Threads: public methods from
// one thread. stop() returns when what had been received is applied.
#include <condition_variable>
#include <deque>
#include <thread>

#include "agent/data/filesync/replica/applier.hpp"
#include "agent/data/filesync/replica/flusher.hpp"
#include "agent/data/filesync/wire/channel.hpp"

namespace clusteragent::filesync {

struct FollowerOptions {
  std::string module;
  std::string node;
  std::string directories;  // as the leader has them
  std::vector<std::string> addresses;
  std::uint16_t port = 0;
  ChannelOptions channel;
  std::shared_ptr<Salvage> salvage;  // of what the next complete copy overwrites; null: nothing is kept
};

struct FollowerEvents {
  std::function<Status(bool)> set_consistent;
  std::function<Standing()> standing;
  /// What this node changed since it began the history of its standing.
  std::function<Marks()> own_marks;
  /// Of no history: nothing is known.
  std::function<Status(const Standing&)> set_standing;
  std::function<void(char level, const std::string& text)> note;
};

class Follower {
 public:
  Follower(FollowerOptions options, std::vector<Directory> directories, std::uint64_t epoch, FollowerEvents events);
  ~Follower();

  Status start();
  /// For connections from now on.
  void set_channel(ChannelOptions channel);
  /// Nothing of an older primary is taken any more.
  void set_epoch(std::uint64_t epoch) { epoch_ = epoch; }
  void stop();
  bool is_connected() const { return is_connected_; }

 private:
  struct Work;
  struct Frame {
    Head head;
    std::vector<std::byte> payload;
  };

  void serve();
  void serve_connection(platform::Fd socket);
  void greet(Channel& channel, std::span<const std::byte> payload);
  void refuse(Channel& channel, const std::string& reason);
  void take(Channel& channel, const Head& head, std::span<const std::byte> payload);
  /// Small and nothing before it waits: to wake the other thread for it would cost more than to do it.
  void apply_here(Channel& channel, const Head& head, std::span<const std::byte> payload);
  bool is_idle();
  void confirm();
  void apply_all(Channel& channel);
  std::deque<Frame> next_frames(Channel& channel);
  void fail(Channel& channel, const std::string& problem);
  ApplierDuties duties(Channel& channel, Flusher& flusher);
  bool has_room();

  FollowerOptions options_;
  std::vector<Directory> directories_;
  std::atomic<std::uint64_t> epoch_;
  FollowerEvents events_;
  std::vector<platform::Fd> listeners_;
  platform::Fd stop_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Frame> frames_;
  std::size_t queued_bytes_ = 0;
  std::size_t unapplied_ = 0;  // in frames_ or in the hands of the thread that applies
  bool is_over_ = false;       // of one connection: no more frames come
  std::weak_ptr<Channel> channel_;
  bool is_greeted_ = false;
  Work* work_ = nullptr;                        // of the connection: of its thread while nothing is unapplied
  std::atomic<bool> is_applying_here_ = false;  // on that thread
  std::string last_problem_;                    // that was told and is not mended; under mutex_
  HistoryId history_;                           // of the primary that is connected
  std::atomic<int> ending_turns_ = 0;           // after a good-bye: closed once that is sent
  std::atomic<bool> is_stopping_ = false;
  std::atomic<bool> is_connected_ = false;
};

}  // namespace clusteragent::filesync
