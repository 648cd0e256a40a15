#pragma once
// Volume: the replicated directory as the kernel's requests see it. Each request is done on the backing file system
// and, where it changes something, recorded in the stream under the same lock. On the secondary nothing may change.
//
// What is not replicated (`exclusion`) is done here and not recorded. A file is one or the other for life: what would
// make it the other, a rename or a link across that border, is refused as if between two file systems (EXDEV).
//
// Ownership: of the root's descriptor; the stream, the exclusion and the cache of descriptors must outlive it. Threads:
// handle() from any number at once. Errors: the backing file system's, as they are.
#include <fcntl.h>

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/base/time.hpp"
#include "agent/data/filesync/fuse/node_table.hpp"
#include "agent/data/filesync/fuse/open_files.hpp"
#include "agent/data/filesync/fuse/session.hpp"
#include "agent/data/filesync/store/exclusion.hpp"
#include "agent/data/filesync/stream/stream.hpp"
#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync::fuse {

class Volume : public Handler {
 public:
  /// No stream: the volume is read-only, and the kernel keeps nothing of it, because it changes without its knowing.
  /// `note` is called, from any thread, with what the operator should know.
  Volume(VolumeNumber number, platform::Fd root, const Exclusion& exclusion, Stream* stream,
         DescriptorCache& descriptors, std::shared_ptr<Inheritance> inheritance, KeptFiles kept,
         std::function<void(const std::string&)> note);

  int handle(Session& session, const Request& request) override;
  void begun(std::uint64_t granted) override;

  /// Before the first request: goes on where the former engine died whose inheritance this is. What it had begun is
  /// taken back, or counts as done. `kept`: what the agent has of removed files. Refused: where it is not certain what
  /// the kernel knows.
  Status restore(std::unordered_map<FileId, platform::Fd> kept);

 private:
  using Method = int (Volume::*)(Session&, const Request&);
  static Method method_of(std::uint32_t opcode);
  static bool changes(const Request& request);

  // volume_inherited.cpp
  static bool is_noted(std::uint32_t opcode);
  void restore_open(KnownOpen& record);
  /// An undertaking whose outcome nobody wrote down.
  void settle(Undertaking& left);
  void take_back(Undertaking& left);
  /// The counts of a reply that was not given.
  void undo_lookups(const Undertaking& left);
  void undo_opens(std::uint64_t number);
  /// Of a request that is sent again. True: it is answered. False: it is to be done, perhaps once more.
  bool answer_again(Session& session, const Request& request);
  void let_go(std::uint64_t handle);
  // volume_names.cpp
  int lookup(Session& session, const Request& request);
  int forget(Session& session, const Request& request);
  int forget_many(Session& session, const Request& request);
  int hard_link(Session& session, const Request& request);
  int unlink(Session& session, const Request& request);
  int remove_folder(Session& session, const Request& request);
  int rename(Session& session, const Request& request);
  int rename_with_flags(Session& session, const Request& request);
  int read_link(Session& session, const Request& request);
  // volume_new.cpp
  int make_node(Session& session, const Request& request);
  int make_folder(Session& session, const Request& request);
  int make_link(Session& session, const Request& request);
  int create(Session& session, const Request& request);
  int create_unnamed(Session& session, const Request& request);
  // volume_data.cpp
  int open(Session& session, const Request& request);
  int release(Session& session, const Request& request);
  int read(Session& session, const Request& request);
  int write(Session& session, const Request& request);
  int fsync(Session& session, const Request& request);
  int fsync_folder(Session& session, const Request& request);
  int allocate(Session& session, const Request& request);
  int seek(Session& session, const Request& request);
  // volume_attributes.cpp
  int get_attributes(Session& session, const Request& request);
  int get_more_attributes(Session& session, const Request& request);
  int set_attributes(Session& session, const Request& request);
  int file_system(Session& session, const Request& request);
  int set_xattr(Session& session, const Request& request);
  int get_xattr(Session& session, const Request& request);
  int list_xattrs(Session& session, const Request& request);
  int remove_xattr(Session& session, const Request& request);
  // volume_folders.cpp
  int open_folder(Session& session, const Request& request);
  int release_folder(Session& session, const Request& request);
  int read_folder(Session& session, const Request& request);
  int read_folder_plus(Session& session, const Request& request);
  int list(Session& session, const Request& request, bool with_attributes);

  OpenNode node_of(std::uint64_t number) { return OpenNode{nodes_.find(file_of(nodes_.volume(), number))}; }
  OpenNode node_of(const Request& request) { return node_of(request.head.nodeid); }
  /// Who stands in a folder now, known to the kernel from then on.
  int enter(const OpenNode& folder, const std::string& name, fuse_entry_out& out);
  fuse_entry_out entry_of(const Node& node, const struct stat& of) const;
  int make(Session& session, const Request& request, NewFile file, std::uint32_t umask);
  int make_under_lock(const Request& request, NewFile file, std::uint32_t umask, fuse_entry_out& entry);
  static int settle_owner(const OpenNode& folder, std::uint32_t umask, NewFile& file);
  struct Created;
  int open_new(const Request& request, const OpenNode& node, std::uint32_t flags, Created& out);
  int remove(Session& session, const Request& request, bool is_folder);
  /// After an operation that failed and may have been done in part.
  void record_size(const OpenFile& opened);
  /// Writes down what is moved where.
  void begin_rename(const OpenNode& from, const std::string& name, const OpenNode& to, const std::string& new_name);
  int link_under_lock(const OpenNode& node, const OpenNode& folder, const std::string& name);
  static int check_absent(const OpenNode& folder, const std::string& name);
  int record_whiteout(const OpenNode& folder, const std::string& name);
  int rename_to(Session& session, const Request& request, std::uint64_t to, unsigned flags, const char* names);
  /// `file`: a descriptor of it.
  int change(const Node& node, int file, const AttributeChange& change);
  int sync(Session& session, const Request& request, const OpenFile& opened);
  int resize(const OpenNode& node, const fuse_setattr_in& in);
  int strip_privileges(const Node& node, int file);
  std::uint32_t open_flags() const;
  int strip_group(const Node& node, int file);
  void gone(const Forgotten& file);
  /// The application sees the error alone, and perhaps tells nobody.
  void tell_out_of_descriptors(int error);
  /// As of the stream, unless the file is this node's own.
  void announce(const Node& node, const Head& head, std::span<const std::byte> payload = {});
  void record(const Node& node, const Head& head, std::span<const std::byte> payload = {});
  void doubt(const Node& node);
  // volume_border.cpp
  /// Whether a name in that folder is, or would be, this node's own.
  bool is_local(const OpenNode& folder, const std::string& name, bool is_folder) const;
  /// The same of one that is there.
  bool is_local_now(const OpenNode& folder, const std::string& name) const;
  std::string path_in(const OpenNode& folder, const std::string& name) const;
  /// Whether what stands under the one name may stand under the other as well.
  int may_rename(const OpenNode& from, const std::string& name, const OpenNode& to, const std::string& new_name) const;
  bool changes_side(int node, const std::string& from, const std::string& to, bool is_folder) const;

  const std::shared_ptr<Inheritance> inheritance_;
  NodeTable nodes_;
  OpenFiles files_;
  std::mutex leaving_;
  std::unordered_map<std::uint64_t, Undertaking> left_;  // by a former engine, by the number of the request
  const Exclusion& exclusion_;
  Stream* stream_;
  const std::function<void(const std::string&)> note_;
  std::mutex noting_;
  Instant next_note_{};
  std::uint64_t cached_s_;  // how long the kernel may keep what it was told
};

/// What the request that this thread is about undertakes.
struct Current {
  Undertaking* undertaking = nullptr;
  bool is_perhaps_done = false;  // by a former engine

  template <typename T>
  void finish(const T& reply) const {
    undertaking->finish(std::as_bytes(std::span{&reply, 1}));
  }
};
Current& current();

// Of the flags of an open file. Offsets come with every request; the page cache is the kernel's affair above and the
// backing's below.
inline constexpr int not_for_reopening = O_TRUNC | O_APPEND | O_DIRECT | O_NOCTTY;

void fill_attributes(fuse_attr& out, const struct stat& of, FileId id);

}  // namespace clusteragent::filesync::fuse
