// Requests that make a file. They hold the gate alone, as all do that change names.
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

// Neither is to happen again: it is made already.
constexpr int not_for_backing = O_DIRECT | O_TMPFILE;

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

int Volume::settle_owner(const OpenNode& folder, std::uint32_t umask, NewFile& file) {
  struct stat of {};
  if (const int error = backing::stat_of(folder.path(), of); error != 0) return error;
  if ((of.st_mode & S_ISGID) != 0) {
    file.group = of.st_gid;
    if (S_ISDIR(file.mode)) file.mode |= S_ISGID;
  }
  // With access control lists the kernel leaves this to whoever knows whether the folder has a default one (acl(5)).
  if ((file.mode & umask) != 0 && !backing::has_xattr(folder.path(), "system.posix_acl_default")) file.mode &= ~umask;
  return 0;
}

int Volume::make_under_lock(const Request& request, NewFile file, std::uint32_t umask, fuse_entry_out& entry) {
  const OpenNode folder = node_of(request);
  if (!folder) return folder.error();
  if (const int error = settle_owner(folder, umask, file); error != 0) return error;
  if (const int error = check_absent(folder, file.name); error != 0) return error;
  const Packer packed = pack(file);
  Head head{.op = Op::create, .offset = folder->id.value()};
  if (!is_local(folder, file.name, S_ISDIR(file.mode))) stream_->announce(head, packed.bytes());
  current().undertaking->begin(folder->id, file.name);
  if (const int error = backing::make(folder.path(), file); error != 0) return error;
  if (const int error = enter(folder, file.name, entry); error != 0) {
    // Nobody would be told of it.
    backing::remove(folder.path(), file.name, S_ISDIR(file.mode));
    return error;
  }
  const NodeRef made = nodes_.find(file_of(nodes_.volume(), entry.nodeid));
  head.file = made->id;
  record(*made, head, packed.bytes());
  stream_->touched(folder.ref());
  stream_->touched(made);
  return 0;
}

int Volume::make(Session& session, const Request& request, NewFile file, std::uint32_t umask) {
  const auto alone = stream_->gate.alone();
  fuse_entry_out entry{};
  if (const int error = make_under_lock(request, std::move(file), umask, entry); error != 0) return error;
  current().finish(entry);
  session.reply(request.head, entry);
  return 0;
}

int Volume::make_node(Session& session, const Request& request) {
  const auto& in = request.as<fuse_mknod_in>();
  NewFile file = new_file(request, request.text(sizeof in), in.mode);
  file.device = device_of(in.rdev);
  return make(session, request, std::move(file), in.umask);
}

int Volume::make_folder(Session& session, const Request& request) {
  const auto& in = request.as<fuse_mkdir_in>();
  return make(session, request, new_file(request, request.text(sizeof in), S_IFDIR | in.mode), in.umask);
}

int Volume::make_link(Session& session, const Request& request) {
  NewFile file = new_file(request, request.text(), S_IFLNK | 0777);
  file.target = request.text(file.name.size() + 1);
  return make(session, request, std::move(file), 0);
}

/// What a request is answered with that makes a file and opens it.
struct Volume::Created {
  fuse_entry_out entry{};
  fuse_open_out open{};
};

int Volume::open_new(const Request& request, const OpenNode& node, std::uint32_t flags, Created& out) {
  if (!node) return node.error();
  out.open.open_flags = open_flags();
  auto opened = std::make_unique<OpenFile>();
  opened->node = node.ref();
  opened->file = backing::reopen(node.path(), static_cast<int>(flags) & ~(O_TRUNC | O_APPEND | not_for_backing));
  opened->is_synchronous = (flags & O_DSYNC) != 0;
  if (!opened->file) return errno;
  out.open.fh = files_.add(std::move(opened), number_of(request.head), flags, false);
  return out.open.fh == 0 ? ENFILE : 0;
}

int Volume::create(Session& session, const Request& request) {
  const auto& in = request.as<fuse_create_in>();
  const std::string name = request.text(sizeof in);
  Created out;
  const auto alone = stream_->gate.alone();
  NewFile file = new_file(request, name.c_str(), S_IFREG | (in.mode & 07777));
  int error = make_under_lock(request, std::move(file), in.umask, out.entry);
  if (error == EEXIST && (in.flags & O_EXCL) == 0) {
    const OpenNode folder = node_of(request);
    error = folder ? enter(folder, name, out.entry) : folder.error();
  }
  if (error == 0) error = open_new(request, node_of(out.entry.nodeid), in.flags, out);
  if (error != 0) return error;
  current().finish(out);
  session.reply(request.head, out);
  return 0;
}

int Volume::create_unnamed(Session& session, const Request& request) {
  const auto& in = request.as<fuse_create_in>();
  NewFile file = new_file(request, "", S_IFREG | (in.mode & 07777));
  Created out;
  const auto alone = stream_->gate.alone();
  const OpenNode folder = node_of(request);
  if (!folder) return folder.error();
  if (const int error = settle_owner(folder, in.umask, file); error != 0) return error;
  platform::Fd path = backing::make_unnamed(folder.path(), file);
  struct stat of {};
  if (!path || backing::stat_of(path.number(), of) != 0) return errno;
  const NodeRef node = nodes_.refer(std::move(path), of, folder->is_local);
  if (!node) return errno;
  current().undertaking->note_lookup(node->id);
  out.entry = entry_of(*node, of);
  if (const int error = open_new(request, OpenNode{node}, in.flags, out); error != 0) return error;
  nodes_.settle_keeping(*node);
  const Packer packed = pack(file);
  record(*node, {.op = Op::create_unnamed, .file = node->id, .offset = folder->id.value()}, packed.bytes());
  current().finish(out);
  session.reply(request.head, out);
  return 0;
}

}  // namespace clusteragent::filesync::fuse
