// Requests about names: what changes one holds the gate alone, so that the replica sees the tree change in one order.
#include <errno.h>
#include <fcntl.h>

#include <cstring>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
int Volume::enter(const Node& folder, const std::string& name, fuse_entry_out& out) {
  platform::Fd found = backing::open_node(folder.path.number(), name);
  if (!found) return errno;
  struct stat of {};
  if (const int error = backing::stat_of(found.number(), of); error != 0) return error;
  // Another file system mounted inside has numbers of its own, which would be taken for others.
  if (of.st_dev != nodes_.root().st_dev) return EXDEV;
  if (of.st_ino > inode_max) return EOVERFLOW;
  // Of several names one may be replicated; what happens to the file is recorded then.
  const bool is_own = is_local(folder, name, S_ISDIR(of.st_mode)) && (S_ISDIR(of.st_mode) || of.st_nlink == 1);
  out = entry_of(*nodes_.refer(std::move(found), of, is_own), of);
  return 0;
}

int Volume::lookup(Session& session, const Request& request) {
  const NodeRef folder = node_of(request);
  if (!folder) return ESTALE;
  fuse_entry_out out{};
  if (const int error = enter(*folder, request.text(), out); error != 0) return error;
  session.reply(request.head, out);
  return 0;
}

void Volume::gone(const NodeRef& node) {
  if (!node || node->is_local || stream_ == nullptr) return;
  struct stat of {};
  if (backing::stat_of(node->path.number(), of) != 0 || of.st_nlink > 0) return;
  const auto alone = stream_->gate.alone();
  stream_->record({.op = Op::drop, .file = node->id});
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

int Volume::hard_link(Session& session, const Request& request) {
  const auto& in = request.as<fuse_link_in>();
  const std::string name = request.text(sizeof in);
  const auto alone = stream_->gate.alone();
  const NodeRef node = node_of(in.oldnodeid);
  const NodeRef folder = node_of(request);
  if (!node || !folder) return ESTALE;
  if (is_local(*folder, name, false) != node->is_local) return EXDEV;
  const Packer packed = pack_name(name);
  const Head head{.op = Op::link, .file = node->id, .offset = folder->id.value()};
  announce(*node, head, packed.bytes());
  if (const int error = backing::link(node->path.number(), folder->path.number(), name); error != 0) return error;
  fuse_entry_out entry{};
  if (const int error = enter(*folder, name, entry); error != 0) return error;
  record(*node, head, packed.bytes());
  stream_->touched(folder);
  // Nothing was told of one without a name.
  stream_->touched(node);
  session.reply(request.head, entry);
  return 0;
}

int Volume::remove(Session& session, const Request& request, bool is_folder) {
  const std::string name = request.text();
  const auto alone = stream_->gate.alone();
  const NodeRef folder = node_of(request);
  if (!folder) return ESTALE;
  const bool is_own = is_local(*folder, name, is_folder);
  const Packer packed = pack_name(name);
  const Head head{.op = Op::remove, .flags = std::uint16_t{is_folder}, .offset = folder->id.value()};
  if (!is_own) stream_->announce(head, packed.bytes());
  if (const int error = backing::remove(folder->path.number(), name, is_folder); error != 0) return error;
  if (!is_own) stream_->record(head, packed.bytes());
  stream_->touched(folder);
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::unlink(Session& session, const Request& request) {
  return remove(session, request, false);
}

int Volume::remove_folder(Session& session, const Request& request) {
  return remove(session, request, true);
}

int Volume::record_whiteout(const Node& folder, const std::string& name) {
  // The file that was left behind is a new one, which the other node must know by its number.
  const platform::Fd left = backing::open_node(folder.path.number(), name);
  struct stat of {};
  if (!left || backing::stat_of(left.number(), of) != 0) return errno;
  const Packer whiteout = pack(NewFile{name, of.st_mode, of.st_uid, of.st_gid, of.st_rdev, ""});
  stream_->record({.op = Op::create, .file = nodes_.id_of(of), .offset = folder.id.value()}, whiteout.bytes());
  AttributeChange times;
  times.times = Times{of.st_atim, of.st_mtim};
  const Packer packed_times = pack(times);
  stream_->record({.op = Op::attributes, .file = nodes_.id_of(of)}, packed_times.bytes());
  return 0;
}

int Volume::rename_to(Session& session, const Request& request, std::uint64_t to, unsigned flags, const char* names) {
  const std::string name = names;
  const std::string new_name = names + name.size() + 1;
  const auto alone = stream_->gate.alone();
  const NodeRef from_folder = node_of(request);
  const NodeRef to_folder = node_of(to);
  if (!from_folder || !to_folder) return ESTALE;
  int error = may_rename(*from_folder, name, *to_folder, new_name);
  if (error == 0 && (flags & RENAME_EXCHANGE) != 0) error = may_rename(*to_folder, new_name, *from_folder, name);
  if (error != 0) return error;
  const bool is_own = is_local_now(*from_folder, name);
  const Packer packed = pack_names(name, new_name);
  const Head head{.op = Op::rename,
                  .flags = static_cast<std::uint16_t>(flags & ~unsigned{RENAME_WHITEOUT}),
                  .offset = from_folder->id.value(),
                  .extra = to_folder->id.value()};
  if (!is_own) stream_->announce(head, packed.bytes());
  error = backing::rename(from_folder->path.number(), name, to_folder->path.number(), new_name, flags);
  if (error != 0) return error;
  if (!is_own) stream_->record(head, packed.bytes());
  if (!is_own && (flags & RENAME_WHITEOUT) != 0) error = record_whiteout(*from_folder, name);
  if (error != 0) return error;
  stream_->touched(from_folder);
  stream_->touched(to_folder);
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
  const NodeRef node = node_of(request);
  if (!node) return ESTALE;
  std::string target;
  if (const int error = backing::read_link(node->path.number(), target); error != 0) return error;
  session.reply(request.head.unique, std::as_bytes(std::span{target}));
  return 0;
}

}  // namespace clusteragent::filesync::fuse
