#pragma once
// Leader: the primary's side of the replication. Connects to the replica, brings it up to date, streams to it, and
// carries out what the Ledger decides about replies. Told by the agent through Engine; tells it by LeaderEvents.
//
// Ownership: of its threads and the connection; the callbacks must outlive it. Threads: all methods from any thread but
// the destructor. After stop() nothing is called back.
#include <condition_variable>
#include <thread>

#include "agent/base/result.hpp"
#include "agent/data/filesync/ledger/regions.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/store/journal.hpp"
#include "agent/data/filesync/stream/stream.hpp"
#include "agent/data/filesync/stream/verify_report.hpp"
#include "agent/data/filesync/wire/channel.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

class Survey;
class Verifier;

struct LeaderOptions {
  std::string module;
  std::string node;
  std::string directories;                  // in words, to be the same on both nodes
  std::vector<std::string> own_addresses;   // in the order of the networks to try
  std::vector<std::string> peer_addresses;  // of the same networks
  std::uint16_t port = 0;
  ChannelOptions channel;
  bool acknowledges_on_disk = false;                   // async="none"
  bool acknowledges_writes = false;                    // acknowledge="write"
  Duration confirm_limit = std::chrono::seconds{100};  // locktimeout: longer without an answer, and the replica is lost
  Duration copy_limit = std::chrono::seconds{150};     // reitimeout: the same while it is brought up to date
  std::uint64_t copy_bytes_per_second = 0;             // of contents; 0: as fast as it goes
  std::uint32_t copy_pieces = 1;                       // nbrei: so many are read from the disk at once
  Standing standing{};                                 // of this copy, before its first change
  std::shared_ptr<Journal> journal;                    // null: what may differ is kept in memory alone
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
  /// What is in `directories` must outlive it. `known`: what a former life of this primary left as not certain.
  Leader(LeaderOptions options, std::vector<Directory> directories, std::uint64_t epoch, bool is_solo, Marks known,
         LeaderEvents events);
  ~Leader() override;

  void announce(const Head& head, std::span<const std::byte> payload) override;
  void record(Head head, std::span<const std::byte> payload) override;
  void flush() override;
  void pass() override;
  void doubt(FileId file) override;
  Mark mark() override;
  bool may_reply(const Waiter& waiter, Mark needed) override;
  void touched(const NodeRef& node) override;
  bool acknowledges_on_disk() const override { return options_.acknowledges_on_disk; }
  bool acknowledges_writes() const override { return options_.acknowledges_writes; }

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

  /// Begins a verification of the replica; LeaderEvents::verified tells its end. Refused with the reason. `prefixes`:
  /// what stands before a path of each directory where it is told.
  Status verify(bool repairs, std::vector<std::string> prefixes);
  /// Of the verification under way; nothing: there is none.
  std::optional<VerifyReport> verification();

  Mode mode();
  CopyProgress progress();

 private:
  friend class Copier;
  friend class Verifier;
  std::shared_ptr<Channel> channel();
  void serve();
  std::shared_ptr<Channel> connect();
  /// What is to be copied; null: not now.
  const Marks* begin_copy(const std::shared_ptr<Channel>& channel, const Standing& replica);
  void end_copy();
  /// Is told what is done from now on; null: nobody.
  void watch(Survey* survey);
  void checkpoint();
  bool write_to_disk() const;
  void drop_entries();
  /// Nothing more is to come, and the replica has it: so that nothing is to be compared later.
  void settle();
  /// In the stream; a change also goes into the regions.
  void append(Head head, std::span<const std::byte> payload, bool is_change);
  /// Under the lock of what is repaired.
  void append_repair(const Head& head, std::span<const std::byte> payload);
  void mark_and_append(const Head& touched, std::span<const std::byte> touched_payload, const Head& head,
                       std::span<const std::byte> payload);
  std::string serve_connection(const std::shared_ptr<Channel>& channel);
  void take(const Head& head, std::span<const std::byte> payload, Channel& channel, class Copier& copier);
  void carry_out(const Outcome& outcome);
  void check_progress(Channel& channel);
  void tell_times();
  void tell_times_of(const NodeRef& node);
  std::shared_ptr<Verifier> current_verifier();
  void end_verification(const std::string& reason);

  LeaderOptions options_;
  std::vector<Directory> directories_;
  std::atomic<std::uint64_t> epoch_;
  LeaderEvents events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Ledger ledger_;
  Regions regions_;
  Survey* survey_ = nullptr;
  std::uint64_t asked_generation_ = 0;    // of the journal, at the last checkpoint
  std::uint64_t durable_generation_ = 0;  // before it, all is on the replica's disk
  std::uint64_t synced_generation_ = 0;   // on this one
  std::shared_ptr<Channel> connection_;   // from its beginning
  std::shared_ptr<Channel> channel_;      // the same, while streaming
  std::vector<NodeRef> touched_;
  CopyProgress progress_;
  std::atomic<bool> is_stopping_ = false;
  bool has_given_up_ = false;
  Instant moved_;  // when the replica last confirmed anything, or had nothing to confirm
  std::string last_refusal_;
  bool has_replica_failed_ = false;     // in this connection, by its own word; of the thread on the connection
  std::shared_ptr<Verifier> verifier_;  // of this connection, under way or ended
  bool may_verify_ = false;             // the connection stands, and the copy has ended
  std::thread thread_;
};

}  // namespace clusteragent::filesync
