// Requests about attributes, extended attributes and the file system.
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

timespec time_of(std::uint64_t seconds, std::uint32_t nanoseconds) {
  return {static_cast<time_t>(seconds), static_cast<long>(nanoseconds)};
}

bool has(const fuse_setattr_in& in, std::uint32_t bit) {
  return (in.valid & bit) != 0;
}

std::optional<Times> times_of(const fuse_setattr_in& in) {
  if (!has(in, FATTR_ATIME | FATTR_MTIME)) return std::nullopt;
  const auto of = [&in](std::uint32_t bit, std::uint32_t now_bit, timespec given) {
    if (!has(in, bit)) return timespec{0, UTIME_OMIT};
    return has(in, now_bit) ? timespec{0, UTIME_NOW} : given;
  };
  return Times{of(FATTR_ATIME, FATTR_ATIME_NOW, time_of(in.atime, in.atimensec)),
               of(FATTR_MTIME, FATTR_MTIME_NOW, time_of(in.mtime, in.mtimensec))};
}

}  // namespace

int Volume::get_attributes(Session& session, const Request& request) {
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  struct stat of {};
  if (const int error = backing::stat_of(node.path(), of); error != 0) return error;
  fuse_attr_out out{};
  out.attr_valid = cached_s_;
  fill_attributes(out.attr, of, node->id);
  session.reply(request.head, out);
  return 0;
}

int Volume::get_more_attributes(Session& session, const Request& request) {
  // As fuse_statx_in and fuse_statx_out of newer headers; what the latter ends with is laid out as struct statx.
  struct In {
    std::uint32_t getattr_flags, reserved;
    std::uint64_t handle;
    std::uint32_t flags, mask;
  };
  struct Out {
    std::uint64_t valid_s = 0;
    std::uint32_t valid_ns = 0, flags = 0;
    std::array<std::uint64_t, 2> spare{};
    struct statx of {};
  } out;
  static_assert(sizeof(In) == 24 && sizeof(Out) == 288);
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  constexpr int how = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
  if (::statx(node.path(), "", how, request.as<In>().mask, &out.of) != 0) return errno;
  out.valid_s = cached_s_;
  out.of.stx_ino = inode_of(node->id);
  session.reply(request.head, out);
  return 0;
}

int Volume::change(const Node& node, int file, const AttributeChange& change) {
  if (change.mode) node.may_give_privileges = true;
  if (const int error = backing::apply(file, change); error != 0) return error;
  AttributeChange exact = change;
  if (change.times) {
    // "Now" is this node's now on both.
    struct stat of {};
    if (const int error = backing::stat_of(file, of); error != 0) return error;
    exact.times = Times{of.st_atim, of.st_mtim};
  }
  const Packer packed = pack(exact);
  record(node, {.op = Op::attributes, .file = node.id}, packed.bytes());
  return 0;
}

int Volume::strip_group(const Node& node, int file) {
  struct stat of {};
  if (const int error = backing::stat_of(file, of); error != 0) return error;
  if ((of.st_mode & S_ISGID) == 0) return 0;
  AttributeChange stripped;
  stripped.mode = of.st_mode & 07777U & ~static_cast<mode_t>(S_ISGID);
  return change(node, file, stripped);
}

int Volume::strip_privileges(const Node& node, int file) {
  if (!node.may_give_privileges) return 0;
  struct stat of {};
  if (const int error = backing::stat_of(file, of); error != 0) return error;
  const bool gives_group = (of.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if ((of.st_mode & S_ISUID) != 0 || gives_group) {
    AttributeChange stripped;
    stripped.mode = of.st_mode & 07777U & ~static_cast<mode_t>(S_ISUID | (gives_group ? S_ISGID : 0));
    if (const int error = change(node, file, stripped); error != 0) return error;
  }
  const std::string capability = "security.capability";
  if (backing::remove_xattr(file, capability) == 0) {
    const Packer packed = pack_name(capability);
    record(node, {.op = Op::xattr_remove, .file = node.id}, packed.bytes());
  }
  node.may_give_privileges = false;
  return 0;
}

int Volume::resize(const OpenNode& node, const fuse_setattr_in& in) {
  const bool is_open = has(in, FATTR_FH);
  const OpenFile* opened = is_open ? files_.find(in.fh) : nullptr;
  if (is_open && opened == nullptr) return ESTALE;
  const platform::Fd own = is_open ? platform::Fd{} : backing::reopen(node.path(), O_WRONLY);
  const int file = is_open ? opened->file.number() : own.number();
  if (file < 0) return errno;
  const Head head{.op = Op::truncate, .file = node->id, .offset = in.size};
  announce(*node, head);
  if (::ftruncate(file, static_cast<off_t>(in.size)) != 0) return errno;
  record(*node, head);
  return 0;
}

int Volume::set_attributes(Session& session, const Request& request) {
  const auto& in = request.as<fuse_setattr_in>();
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  AttributeChange wanted;
  if (has(in, FATTR_MODE)) wanted.mode = in.mode & 07777U;
  if (has(in, FATTR_UID | FATTR_GID)) {
    wanted.owner = {has(in, FATTR_UID) ? in.uid : static_cast<uid_t>(-1),
                    has(in, FATTR_GID) ? in.gid : static_cast<gid_t>(-1)};
  }
  wanted.times = times_of(in);
  {
    const auto shared = stream_->gate.shared();
    const std::lock_guard lock{stream_->locks.of(node->id)};
    if (has(in, FATTR_SIZE)) {
      if (const int error = resize(node, in); error != 0) return error;
      if (!wanted.times) stream_->touched(node.ref());
    }
    if (has(in, FATTR_KILL_SUIDGID)) strip_privileges(*node, node.path());
    if (wanted != AttributeChange{}) {
      if (const int error = change(*node, node.path(), wanted); error != 0) return error;
    }
  }
  return get_attributes(session, request);
}

int Volume::file_system(Session& session, const Request& request) {
  struct statvfs of {};
  const OpenNode root = node_of(root_inode);
  if (!root) return root.error();
  if (::fstatvfs(root.path(), &of) != 0) return errno;
  fuse_statfs_out out{};
  out.st.blocks = of.f_blocks;
  out.st.bfree = of.f_bfree;
  out.st.bavail = of.f_bavail;
  out.st.files = of.f_files;
  out.st.ffree = of.f_ffree;
  out.st.bsize = static_cast<std::uint32_t>(of.f_bsize);
  out.st.namelen = static_cast<std::uint32_t>(of.f_namemax);
  out.st.frsize = static_cast<std::uint32_t>(of.f_frsize);
  session.reply(request.head, out);
  return 0;
}

int Volume::set_xattr(Session& session, const Request& request) {
  const auto& in = request.as<fuse_setxattr_in>();
  const std::string name = request.text(sizeof in);
  const std::string value{request.text(sizeof in + name.size() + 1), in.size};
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  {
    const auto shared = stream_->gate.shared();
    const std::lock_guard lock{stream_->locks.of(node->id)};
    node->may_give_privileges = true;
    const bool is_new = (in.flags & XATTR_CREATE) != 0;
    if (is_new && !current().is_perhaps_done && backing::has_xattr(node.path(), name.c_str())) return EEXIST;
    if (is_new) current().undertaking->begin(node->id, "");
    const int flags = static_cast<int>(in.flags) & (current().is_perhaps_done ? ~XATTR_CREATE : ~0);
    const int error = backing::set_xattr(node.path(), name, value, flags);
    if (error != 0) return error;
    const Packer packed = pack_names(name, value);
    record(*node, {.op = Op::xattr_set, .file = node->id}, packed.bytes());
    // Who sets a list and is not in the group: the kernel knows who, and this process may everything.
    if ((in.setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID) != 0) {
      if (const int stripped = strip_group(*node, node.path()); stripped != 0) return stripped;
    }
  }
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::remove_xattr(Session& session, const Request& request) {
  const std::string name = request.text();
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  {
    const auto shared = stream_->gate.shared();
    const std::lock_guard lock{stream_->locks.of(node->id)};
    if (backing::has_xattr(node.path(), name.c_str())) current().undertaking->begin(node->id, "");
    const int error = backing::remove_xattr(node.path(), name);
    if (error != 0 && (error != ENODATA || !current().is_perhaps_done)) return error;
    const Packer packed = pack_name(name);
    record(*node, {.op = Op::xattr_remove, .file = node->id}, packed.bytes());
  }
  session.reply_empty(request.head.unique);
  return 0;
}

namespace {

/// Both calls that read: the size alone, or what fits.
int reply_xattr(Session& session, const Request& request, std::uint32_t room, ssize_t size, const std::string& value) {
  if (size < 0) return errno;
  if (room == 0) {
    fuse_getxattr_out out{};
    out.size = static_cast<std::uint32_t>(size);
    session.reply(request.head, out);
  } else {
    session.reply(request.head.unique, std::as_bytes(std::span{value}.first(static_cast<std::size_t>(size))));
  }
  return 0;
}

}  // namespace

int Volume::get_xattr(Session& session, const Request& request) {
  const auto& in = request.as<fuse_getxattr_in>();
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  std::string value(in.size, '\0');
  const std::string path = backing::path_of(node.path());
  const ssize_t size = ::getxattr(path.c_str(), request.text(sizeof in), value.data(), value.size());
  return reply_xattr(session, request, in.size, size, value);
}

int Volume::list_xattrs(Session& session, const Request& request) {
  const auto& in = request.as<fuse_getxattr_in>();
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  std::string names(in.size, '\0');
  const ssize_t size = ::listxattr(backing::path_of(node.path()).c_str(), names.data(), names.size());
  return reply_xattr(session, request, in.size, size, names);
}

}  // namespace clusteragent::filesync::fuse
