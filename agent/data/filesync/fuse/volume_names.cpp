// Requests about names: what changes one holds the gate alone, so that the replica sees the tree change in one order.
#include <errno.h>
#include <fcntl.h>

#include <cstring>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

/// Of a name that is about to go: its file is held, so that its number cannot be given to another one before the table
/// has it pinned. A lookup that runs meanwhile finds out by itself (NodeTable::refer). If somebody has it open, the
/// agent has it before the name goes: nobody could find it again.
class LastName {
 public:
  LastName(NodeTable& nodes, int folder, const std::string& name)
      : nodes_{nodes}, file_{std::make_shared<const platform::Fd>(backing::open_node(folder, name))} {
    if (!*file_) error_ = errno;
    struct stat of {};
    if (error_ != 0 || backing::stat_of(file_->number(), of) != 0) return;
    if (S_ISDIR(of.st_mode) || of.st_nlink == 1) node_ = nodes.find(nodes.id_of(of));
    if (node_) nodes.settle_keeping(*node_, true);
  }
  ~LastName() {
    if (node_) nodes_.settle_keeping(*node_);
  }
  LastName(const LastName&) = delete;
  LastName& operator=(const LastName&) = delete;
  int error() const { return error_; }
  void removed() {
    struct stat of {};
    if (*file_ && backing::stat_of(file_->number(), of) == 0 && of.st_nlink == 0) nodes_.pin(nodes_.id_of(of), file_);
  }

 private:
  NodeTable& nodes_;
  DescriptorCache::Ref file_;
  NodeRef node_;
  int error_ = 0;
};

}  // namespace

int Volume::enter(const OpenNode& folder, const std::string& name, fuse_entry_out& out) {
  platform::Fd found = backing::open_node(folder.path(), name);
  if (!found) return errno;
  struct stat of {};
  if (const int error = backing::stat_of(found.number(), of); error != 0) return error;
  // Another file system mounted inside has numbers of its own, which would be taken for others.
  if (of.st_dev != nodes_.root().st_dev) return EXDEV;
  if (of.st_ino > inode_max) return EOVERFLOW;
  // Of several names one may be replicated; what happens to the file is recorded then.
  const bool is_own = is_local(folder, name, S_ISDIR(of.st_mode)) && (S_ISDIR(of.st_mode) || of.st_nlink == 1);
  const NodeRef node = nodes_.refer(std::move(found), of, is_own);
  if (!node) return errno;
  current().undertaking->note_lookup(node->id);
  out = entry_of(*node, of);
  return 0;
}

int Volume::lookup(Session& session, const Request& request) {
  const OpenNode folder = node_of(request);
  if (!folder) return folder.error();
  fuse_entry_out out{};
  if (const int error = enter(folder, request.text(), out); error != 0) return error;
  session.reply(request.head, out);
  return 0;
}

void Volume::gone(const Forgotten& file) {
  if (!file.node || file.node->is_local || stream_ == nullptr) return;
  // One that is not pinned has a name.
  struct stat of {};
  if (!file.pinned || backing::stat_of(file.pinned->number(), of) != 0 || of.st_nlink > 0) return;
  const auto alone = stream_->gate.alone();
  stream_->record({.op = Op::drop, .file = file.node->id});
}

int Volume::forget(Session&, const Request& request) {
  gone(nodes_.forget(file_of(nodes_.volume(), request.head.nodeid), request.as<fuse_forget_in>().nlookup));
  return 0;
}

int Volume::forget_many(Session&, const Request& request) {
  const auto& in = request.as<fuse_batch_forget_in>();
  const auto* each = reinterpret_cast<const fuse_forget_one*>(request.body.data() + sizeof in);
  for (std::uint32_t count = 0; count < in.count; ++count, ++each)
    gone(nodes_.forget(file_of(nodes_.volume(), each->nodeid), each->nlookup));
  return 0;
}

int Volume::link_under_lock(const OpenNode& node, const OpenNode& folder, const std::string& name) {
  if (const int error = check_absent(folder, name); error != 0) return error;
  const Packer packed = pack_name(name);
  const Head head{.op = Op::link, .file = node->id, .offset = folder->id.value()};
  announce(*node, head, packed.bytes());
  current().undertaking->file = node->id.value();
  current().undertaking->begin(folder->id, name);
  if (const int error = backing::link(node.path(), folder.path(), name); error != 0) return error;
  record(*node, head, packed.bytes());
  return 0;
}

int Volume::hard_link(Session& session, const Request& request) {
  const auto& in = request.as<fuse_link_in>();
  const std::string name = request.text(sizeof in);
  const auto alone = stream_->gate.alone();
  const OpenNode node = node_of(in.oldnodeid);
  const OpenNode folder = node_of(request);
  if (!node || !folder) return node ? folder.error() : node.error();
  if (is_local(folder, name, false) != node->is_local) return EXDEV;
  // What a former engine has linked the journal knows.
  if (!current().is_perhaps_done) {
    if (const int error = link_under_lock(node, folder, name); error != 0) return error;
  }
  stream_->touched(folder.ref());
  // Nothing was told of one without a name.
  stream_->touched(node.ref());
  fuse_entry_out entry{};
  const int error = enter(folder, name, entry);
  if (error == 0) current().finish(entry);
  nodes_.unpin(node->id);
  nodes_.settle_keeping(*node.ref());
  if (error != 0) return error;
  session.reply(request.head, entry);
  return 0;
}

int Volume::remove(Session& session, const Request& request, bool is_folder) {
  const std::string name = request.text();
  const auto alone = stream_->gate.alone();
  const OpenNode folder = node_of(request);
  if (!folder) return folder.error();
  const bool is_own = is_local(folder, name, is_folder);
  const Packer packed = pack_name(name);
  const Head head{.op = Op::remove, .flags = std::uint16_t{is_folder}, .offset = folder->id.value()};
  if (!is_own) stream_->announce(head, packed.bytes());
  LastName last{nodes_, folder.path(), name};
  if (last.error() != 0) return last.error();
  current().undertaking->begin(folder->id, name);
  if (const int error = backing::remove(folder.path(), name, is_folder); error != 0) return error;
  last.removed();
  current().undertaking->finish();
  if (!is_own) stream_->record(head, packed.bytes());
  stream_->touched(folder.ref());
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::unlink(Session& session, const Request& request) {
  return remove(session, request, false);
}

int Volume::remove_folder(Session& session, const Request& request) {
  return remove(session, request, true);
}

int Volume::record_whiteout(const OpenNode& folder, const std::string& name) {
  // The file that was left behind is a new one, which the other node must know by its number.
  const platform::Fd left = backing::open_node(folder.path(), name);
  struct stat of {};
  if (!left || backing::stat_of(left.number(), of) != 0) return errno;
  const Packer whiteout = pack(NewFile{name, of.st_mode, of.st_uid, of.st_gid, of.st_rdev, ""});
  stream_->record({.op = Op::create, .file = nodes_.id_of(of), .offset = folder->id.value()}, whiteout.bytes());
  AttributeChange times;
  times.times = Times{of.st_atim, of.st_mtim};
  const Packer packed_times = pack(times);
  stream_->record({.op = Op::attributes, .file = nodes_.id_of(of)}, packed_times.bytes());
  return 0;
}

void Volume::begin_rename(const OpenNode& from, const std::string& name, const OpenNode& to,
                          const std::string& new_name) {
  const platform::Fd moved = backing::open_node(from.path(), name);
  struct stat of {};
  // Nothing there: nothing will be moved.
  if (!moved || backing::stat_of(moved.number(), of) != 0) return;
  const platform::Fd there = backing::open_node(to.path(), new_name);
  struct stat before {};
  // Two names of one file stay what they are, however often it is tried.
  if (there && backing::stat_of(there.number(), before) == 0 && before.st_ino == of.st_ino) return;
  Undertaking& undertaking = *current().undertaking;
  undertaking.file = nodes_.id_of(of).value();
  undertaking.new_folder = to->id.value();
  undertaking.set_new_name(new_name);
  undertaking.begin(from->id, name);
}

int Volume::check_absent(const OpenNode& folder, const std::string& name) {
  // What the next engine finds there is what this one made.
  if (backing::open_node(folder.path(), name)) return EEXIST;
  return errno == ENOENT ? 0 : errno;
}

int Volume::rename_to(Session& session, const Request& request, std::uint64_t to, unsigned flags, const char* names) {
  const std::string name = names;
  const std::string new_name = names + name.size() + 1;
  const auto alone = stream_->gate.alone();
  const OpenNode from_folder = node_of(request);
  const OpenNode to_folder = node_of(to);
  if (!from_folder || !to_folder) return from_folder ? to_folder.error() : from_folder.error();
  int error = may_rename(from_folder, name, to_folder, new_name);
  if (error == 0 && (flags & RENAME_EXCHANGE) != 0) error = may_rename(to_folder, new_name, from_folder, name);
  if (error != 0) return error;
  const bool is_own = is_local_now(from_folder, name);
  const Packer packed = pack_names(name, new_name);
  const Head head{.op = Op::rename,
                  .flags = static_cast<std::uint16_t>(flags & ~unsigned{RENAME_WHITEOUT}),
                  .offset = from_folder->id.value(),
                  .extra = to_folder->id.value()};
  if (!is_own) stream_->announce(head, packed.bytes());
  LastName last{nodes_, to_folder.path(), new_name};
  if (last.error() != 0 && last.error() != ENOENT) return last.error();
  begin_rename(from_folder, name, to_folder, new_name);
  error = backing::rename(from_folder.path(), name, to_folder.path(), new_name, flags);
  if (error != 0) return error;
  last.removed();
  current().undertaking->finish();
  if (!is_own) stream_->record(head, packed.bytes());
  if (!is_own && (flags & RENAME_WHITEOUT) != 0) error = record_whiteout(from_folder, name);
  if (error != 0) return error;
  stream_->touched(from_folder.ref());
  stream_->touched(to_folder.ref());
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::rename(Session& session, const Request& request) {
  const auto& in = request.as<fuse_rename_in>();
  return rename_to(session, request, in.newdir, 0, request.text(sizeof in));
}

int Volume::rename_with_flags(Session& session, const Request& request) {
  const auto& in = request.as<fuse_rename2_in>();
  return rename_to(session, request, in.newdir, in.flags, request.text(sizeof in));
}

int Volume::read_link(Session& session, const Request& request) {
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  std::string target;
  if (const int error = backing::read_link(node.path(), target); error != 0) return error;
  session.reply(request.head.unique, std::as_bytes(std::span{target}));
  return 0;
}

}  // namespace clusteragent::filesync::fuse
