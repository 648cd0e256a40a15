#pragma once
// Verifier: compares the replica with what is here while the application goes on. What is asked is taken under the lock
// of the file, or of all names, and has its place in the stream there, so that the replica answers for the same moment
// of history: a write under way is no difference. Repairs, where wanted, go the same way as the application's writes.
//
// One run, one Verifier; it needs a replica that has everything (Mode::both). Ownership: of its thread; the leader and
// the callback must outlive it. Threads: run by its own; answered() by the connection's; end() and report() by any.
// Bounds: questions under way, bytes a question; the disk is read at the lowest priority and without a lock first.
#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <unordered_set>

#include "agent/base/time.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/stream/stream.hpp"
#include "agent/data/filesync/stream/verify_report.hpp"
#include "agent/data/filesync/wire/payload.hpp"
#include "agent/data/filesync/wire/verify_payload.hpp"

namespace clusteragent::filesync {

class Leader;

class Verifier {
 public:
  using Ended = std::function<void(const VerifyReport&)>;
  /// `prefixes`: of the paths of each directory, in the report.
  Verifier(Leader& leader, std::vector<Directory> directories, std::vector<std::string> prefixes, bool repairs,
           Ended ended);
  ~Verifier();

  void start();
  void answered(const Head& head, std::span<const std::byte> payload);
  /// Returns when nothing of it runs any more; `reason` counts where it had not come to its end.
  void end(const std::string& reason);
  bool is_running() const { return is_running_; }
  VerifyReport report() const;

 private:
  struct Item {
    FileId file;
    FileHandle handle;
    mode_t mode = 0;
    std::string path;  // in the directory; empty: the directory itself
    std::string name;
  };
  using ItemRef = std::shared_ptr<const Item>;
  struct Question {
    Op op = Op::verify_data;
    ItemRef item;
    std::uint64_t bytes = 0;
  };
  struct Answer {
    Head head;
    std::vector<std::byte> payload;
  };

  void run();
  void compare_all();
  /// How much there is to compare, about.
  void sum_up(int folder);
  bool is_over();
  /// False: it is over.
  bool compare_directory(VolumeNumber number);
  /// A folder and the files in it; its folders come later.
  void compare_folder(const ItemRef& folder);
  bool compare_names(const ItemRef& folder, int node, VerifiedNames& names);
  void compare_file(const ItemRef& item);
  bool is_excluded(int folder, const Item& parent, const std::string& name) const;
  ItemRef item_of(int folder, const Item& parent, const std::string& name) const;
  bool ask_entry(const ItemRef& item);
  void compare_contents(const ItemRef& item);
  /// One hole or one chunk; returns where to go on, the same offset at the end. Under the file's lock.
  std::uint64_t ask_contents(const ItemRef& item, int file, std::uint64_t offset, std::uint64_t end);
  void ask(Question question, const Head& head, std::span<const std::byte> payload);
  /// Until no more than that many questions are open; false: it is over.
  bool settle(std::size_t open_max);
  void take(const Question& question, const Answer& answer);
  void take_names(const Question& question, const NamesAnswer& answer);
  void repair_name(const Item& folder, const FaultyName& faulty);
  void repair_entry(const Item& item);
  void repair_block(const Item& item, std::uint64_t offset, std::uint64_t bytes);
  /// A repair has changed the replica's. Under the lock of what was repaired.
  void send_times(FileId file, int node);
  void differs(Difference found);
  int root() const { return directories_[volume_].root; }
  FileId id_of(ino_t inode) const { return inode == root_inode_ ? root_of(volume_) : file_of(volume_, inode); }

  Leader& leader_;
  std::vector<Directory> directories_;
  std::vector<std::string> prefixes_;
  bool repairs_;
  Ended ended_;
  VolumeNumber volume_ = 0;  // the directory that is being compared
  ino_t root_inode_ = 0;
  dev_t device_ = 0;
  std::vector<ItemRef> folders_;            // to come
  std::unordered_set<FileId> seen_;         // of those with more than one name
  std::unordered_set<std::string> faulty_;  // of the folder whose names were compared last
  std::vector<std::byte> buffer_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> open_;
  std::deque<Answer> answers_;
  bool is_over_ = false;
  std::string reason_;
  VerifyReport report_;
  Instant began_;
  std::atomic<bool> is_running_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::filesync
