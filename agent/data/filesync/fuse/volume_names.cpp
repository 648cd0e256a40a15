// Requests about names: what changes one holds the gate alone, so that the replica sees the tree change in one order.
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

dev_t device_of(std::uint32_t packed) {
  return ::makedev((packed & 0xfff00U) >> 8U, (packed & 0xffU) | ((packed >> 12U) & 0xfff00U));
}

NewFile new_file(const Request& request, const char* name, mode_t mode) {
  NewFile file;
  file.name = name;
  file.mode = mode;
  file.owner = request.head.uid;
  file.group = request.head.gid;
  return file;
}

}  // namespace

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

int Volume::make_under_lock(const Request& request, NewFile file, fuse_entry_out& entry) {
  const NodeRef folder = node_of(request);
  if (!folder) return ESTALE;
  struct stat of {};
  if (const int error = backing::stat_of(folder->path.number(), of); error != 0) return error;
  if ((of.st_mode & S_ISGID) != 0) {
    file.group = of.st_gid;
    if (S_ISDIR(file.mode)) file.mode |= S_ISGID;
  }
  const Packer packed = pack(file);
  Head head{.op = Op::create, .offset = folder->id.value()};
  if (!is_local(*folder, file.name, S_ISDIR(file.mode))) stream_->announce(head, packed.bytes());
  if (const int error = backing::make(folder->path.number(), file); error != 0) return error;
  if (const int error = enter(*folder, file.name, entry); error != 0) return error;
  const NodeRef made = node_of(entry.nodeid);
  head.file = made->id;
  record(*made, head, packed.bytes());
  stream_->touched(folder);
  stream_->touched(made);
  return 0;
}

int Volume::make(Session& session, const Request& request, NewFile file) {
  const auto alone = stream_->gate.alone();
  fuse_entry_out entry{};
  if (const int error = make_under_lock(request, std::move(file), entry); error != 0) return error;
  session.reply(request.head, entry);
  return 0;
}

int Volume::make_node(Session& session, const Request& request) {
  const auto& in = request.as<fuse_mknod_in>();
  NewFile file = new_file(request, request.text(sizeof in), in.mode);
  file.device = device_of(in.rdev);
  return make(session, request, std::move(file));
}

int Volume::make_folder(Session& session, const Request& request) {
  const auto& in = request.as<fuse_mkdir_in>();
  return make(session, request, new_file(request, request.text(sizeof in), S_IFDIR | in.mode));
}

int Volume::make_link(Session& session, const Request& request) {
  NewFile file = new_file(request, request.text(), S_IFLNK | 0777);
  file.target = request.text(file.name.size() + 1);
  return make(session, request, std::move(file));
}

int Volume::create(Session& session, const Request& request) {
  const auto& in = request.as<fuse_create_in>();
  const std::string name = request.text(sizeof in);
  struct {
    fuse_entry_out entry{};
    fuse_open_out open{};
  } out;
  out.open.open_flags = open_flags();
  const auto alone = stream_->gate.alone();
  int error = make_under_lock(request, new_file(request, name.c_str(), S_IFREG | (in.mode & 07777)), out.entry);
  if (error == EEXIST && (in.flags & O_EXCL) == 0) {
    const NodeRef folder = node_of(request);
    error = folder ? enter(*folder, name, out.entry) : ESTALE;
  }
  if (error != 0) return error;
  const NodeRef node = node_of(out.entry.nodeid);
  const int flags = static_cast<int>(in.flags);
  auto opened = std::make_unique<OpenFile>();
  opened->node = node;
  opened->file = backing::reopen(node->path.number(), flags & ~(O_TRUNC | O_APPEND | O_DIRECT));
  opened->is_synchronous = (flags & O_DSYNC) != 0;
  if (!opened->file) return errno;
  out.open.fh = reinterpret_cast<std::uint64_t>(opened.release());
  session.reply(request.head, out);
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
                  .flags = static_cast<std::uint16_t>(flags),
                  .offset = from_folder->id.value(),
                  .extra = to_folder->id.value()};
  if (!is_own) stream_->announce(head, packed.bytes());
  error = backing::rename(from_folder->path.number(), name, to_folder->path.number(), new_name, flags);
  if (error != 0) return error;
  if (!is_own) stream_->record(head, packed.bytes());
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
