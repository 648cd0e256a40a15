#pragma once
// Leader: the primary's side of the replication. Connects to the replica, brings it up to date, streams to it, and
// carries out what the Ledger decides about replies. Told by the agent through Engine; tells it by LeaderEvents.
//
// Ownership: of its threads and the connection; the callbacks must outlive it. Threads: all methods from any thread but
// the destructor. After stop() nothing is called back.
#include <condition_variable>
#include <thread>

#include "agent/base/result.hpp"
#include "agent/data/filesync/stream/stream.hpp"
#include "agent/data/filesync/stream/verify_report.hpp"
#include "agent/data/filesync/wire/channel.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

class Verifier;

struct LeaderOptions {
  std::string module;
  std::string node;
  std::vector<std::string> own_addresses;   // in the order of the networks to try
  std::vector<std::string> peer_addresses;  // of the same networks
  std::uint16_t port = 0;
  ChannelOptions channel;
  bool acknowledges_on_disk = false;                   // async="none"
  Duration confirm_limit = std::chrono::seconds{100};  // locktimeout: longer without an answer, and the replica is lost
};

struct CopyProgress {
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_all = 0;
  std::uint64_t bytes_sent = 0;
};

struct LeaderEvents {
  std::function<void(const Waiter&, int error)> answer;
  std::function<void()> synced;
  std::function<void(const std::string& reason)> behind;
  std::function<void(char level, const std::string& text)> note;
  std::function<void(const VerifyReport&)> verified;
};

class Leader : public Stream {
 public:
  /// `root` is the backing directory.
  Leader(LeaderOptions options, int root, std::uint64_t epoch, bool is_solo, LeaderEvents events);
  ~Leader() override;

  void record(Head head, std::span<const std::byte> payload) override;
  void flush() override;
  /// record() and flush() by another thread.
  void send(const Head& head, std::span<const std::byte> payload);
  Mark mark() override;
  bool may_reply(const Waiter& waiter, Mark needed) override;
  void touched(const NodeRef& node) override;
  bool acknowledges_on_disk() const override { return options_.acknowledges_on_disk; }

  void start();
  /// For connections from now on.
  void set_channel(ChannelOptions channel);
  void set_epoch(std::uint64_t epoch) { epoch_ = epoch; }
  void allow_solo();
  /// The role is lost for good: nothing is promised any more, and what waits for a promise gets an error. A process
  /// that waits in fsync cannot even be killed, and the scripts that stop the application would wait for it.
  void give_up();
  /// Nothing more is to come: waits until the replica has what was sent, for so long. False: it has not.
  bool drain(Duration limit);
  void stop();

  /// Begins a verification of the replica; LeaderEvents::verified tells its end. Refused with the reason.
  Status verify(bool repairs);
  /// Of the verification under way; nothing: there is none.
  std::optional<VerifyReport> verification();

  Mode mode();
  CopyProgress progress();

 private:
  friend class Copier;
  void serve();
  std::shared_ptr<Channel> connect();
  bool begin_copy(const std::shared_ptr<Channel>& channel);
  void end_copy();
  std::string serve_connection(const std::shared_ptr<Channel>& channel);
  void take(const Head& head, std::span<const std::byte> payload, Channel& channel, class Copier& copier);
  void carry_out(const Outcome& outcome);
  void check_progress(Channel& channel);
  void tell_times();
  void tell_times_of(const NodeRef& node);
  std::shared_ptr<Verifier> current_verifier();
  void end_verification(const std::string& reason);

  LeaderOptions options_;
  int root_;
  std::atomic<std::uint64_t> epoch_;
  LeaderEvents events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Ledger ledger_;
  std::shared_ptr<Channel> connection_;  // from its beginning
  std::shared_ptr<Channel> channel_;     // the same, while streaming
  std::vector<NodeRef> touched_;
  CopyProgress progress_;
  std::atomic<bool> is_stopping_ = false;
  bool has_given_up_ = false;
  Instant moved_;  // when the replica last confirmed anything, or had nothing to confirm
  std::string last_refusal_;
  std::shared_ptr<Verifier> verifier_;  // of this connection, under way or ended
  bool may_verify_ = false;             // the connection stands, and the copy has ended
  std::thread thread_;
};

}  // namespace clusteragent::filesync
