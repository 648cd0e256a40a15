#pragma once
// Copier: brings the replica to what is here while the application goes on writing. First the tree, as it is at one
// moment, for which the application waits no longer than its changes take that came while it was looked at (Survey);
// then contents: blocks that are known to differ as they are, where it is not known by hashes, of which only those that
// differ travel. A block is read and sent under the lock of its file, so a later write follows it in the stream and
// wins.
//
// One connection, one Copier. Threads: run() by one, answered() by another, abandon() by any.
#include <condition_variable>
#include <deque>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/stream/leader.hpp"
#include "agent/data/filesync/stream/rate_limit.hpp"
#include "agent/data/filesync/stream/read_ahead.hpp"
#include "agent/data/filesync/stream/survey.hpp"

namespace clusteragent::filesync {

class Copier {
 public:
  explicit Copier(Leader& leader) : leader_{leader}, limit_{leader.options_.copy_bytes_per_second} {}
  ~Copier() { leader_.watch(nullptr); }
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  /// `begin` starts the stream, while nobody changes anything, and says what is to be copied. Returns once the copy is
  /// sent and the connection over, or earlier with a text for the operator: the connection cannot go on.
  std::string run(const std::function<const Marks*()>& begin);
  /// False: malformed.
  bool adopted(const Head& head, std::span<const std::byte> payload);
  void answered(const Head& head, std::span<const std::byte> payload);
  void abandon();

 private:
  struct Item {
    FileId file;
    FileHandle handle;
    mode_t mode = 0;
    std::uint64_t size = 0;
    bool is_certain = false;  // the replica has it at its path, as it was but for its marks
  };
  struct Answer {
    FileId file;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::vector<std::uint32_t> blocks;
  };

  std::string send_tree();
  std::string send_volume(VolumeNumber number, bool is_known);
  int root_of_file(FileId file) const { return leader_.directories_[volume_of(file)].root; }
  /// What can be known of the tree while the application goes on.
  void look_around();
  bool is_abandoned();
  std::string send_node(TreeReader& reader, FileId folder, const platform::Fd& node, const std::string& path,
                        bool is_certain);
  std::string send_entry(TreeReader& reader, FileId folder, const FoundEntry& entry, const std::string& path,
                         bool is_certain);
  std::string send_folder(TreeReader& reader, const FoundEntry& folder, const std::string& path, bool is_certain);
  platform::Fd open_entry(const FoundEntry& entry) const;
  /// False: abandoned.
  bool wait_adopted();
  std::vector<Span> spans_of(const Item& item) const;
  void sum_up();
  std::string copy_contents();
  std::string copy(const Item& item, ReadAhead& ahead);
  /// One hole or one chunk; returns where to go on, the same offset at the end. Under the file's lock.
  std::uint64_t copy_from(const Item& item, int file, std::uint64_t offset, const Span& span);
  void ask(const Item& item, std::uint64_t offset, std::size_t bytes);
  void send(const Item& item, std::uint64_t offset, std::size_t bytes);
  /// Where nothing was written: holes, and room that is reserved. Under the file's lock.
  void send_emptiness(FileId file, int contents, std::uint64_t begin, std::uint64_t end);
  /// Until no more than that many questions are open; false: abandoned.
  bool settle(std::size_t open_max);
  void send_blocks(const Answer& answer);
  /// Waits, without any lock, until so much may be sent; false: abandoned.
  bool pace(std::size_t bytes);
  void send_times(const Item& item);

  Leader& leader_;
  RateLimit limit_;
  const Marks* marks_ = nullptr;  // the Leader's, unchanged while this copies
  std::optional<Survey> survey_;  // until the tree is sent
  std::vector<std::byte> buffer_;
  std::uint64_t passed_ = 0;  // of the spans of all items
  int error_ = 0;             // of reading what was to be sent
  std::vector<Item> items_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Answer> answers_;
  std::size_t asked_ = 0;
  bool is_abandoned_ = false;
  bool is_adopted_ = false;
  std::unordered_map<FileId, FileMarks> doubts_;    // of the replica
  std::unordered_map<FileId, std::size_t> places_;  // in items_
};

}  // namespace clusteragent::filesync
