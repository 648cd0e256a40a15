#include "agent/data/filesync/fuse/volume.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <unordered_map>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync::fuse {
namespace {

// Newer than the header of Debian 12 (kernel 6.6).
constexpr std::uint32_t fuse_statx = 52;

// Who ran out of descriptors goes on asking for them.
constexpr std::chrono::minutes note_interval{1};

// Nobody else changes the backing of a primary: what the kernel was told stays true until it asks for a change.
constexpr std::uint64_t cached_on_primary_s = 3600;

std::uint32_t device_number(dev_t device) {
  // As the kernel packs it: new_encode_dev.
  const std::uint32_t major = ::major(device);
  const std::uint32_t minor = ::minor(device);
  return (minor & 0xffU) | (major << 8U) | ((minor & ~0xffU) << 12U);
}

}  // namespace

Volume::Volume(VolumeNumber number, platform::Fd root, const Exclusion& exclusion, Stream* stream,
               DescriptorCache& descriptors, std::shared_ptr<Inheritance> inheritance, KeptFiles kept,
               std::function<void(const std::string&)> note)
    : inheritance_{std::move(inheritance)},
      nodes_{number, std::move(root), descriptors, inheritance_, std::move(kept)},
      files_{inheritance_},
      exclusion_{exclusion},
      stream_{stream},
      note_{std::move(note)},
      cached_s_{stream != nullptr ? cached_on_primary_s : 0} {}

bool Volume::changes(const Request& request) {
  switch (request.head.opcode) {
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_WRITE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_CREATE:
    case FUSE_TMPFILE:
    case FUSE_FALLOCATE:
      return true;
    case FUSE_OPEN:
      return (request.as<fuse_open_in>().flags & O_ACCMODE) != O_RDONLY;
    default:
      return false;
  }
}

Volume::Method Volume::method_of(std::uint32_t opcode) {
  static const std::unordered_map<std::uint32_t, Method> methods{{FUSE_LOOKUP, &Volume::lookup},
                                                                 {FUSE_FORGET, &Volume::forget},
                                                                 {FUSE_BATCH_FORGET, &Volume::forget_many},
                                                                 {FUSE_GETATTR, &Volume::get_attributes},
                                                                 {FUSE_SETATTR, &Volume::set_attributes},
                                                                 {FUSE_READLINK, &Volume::read_link},
                                                                 {FUSE_SYMLINK, &Volume::make_link},
                                                                 {FUSE_MKNOD, &Volume::make_node},
                                                                 {FUSE_MKDIR, &Volume::make_folder},
                                                                 {FUSE_UNLINK, &Volume::unlink},
                                                                 {FUSE_RMDIR, &Volume::remove_folder},
                                                                 {FUSE_RENAME, &Volume::rename},
                                                                 {FUSE_RENAME2, &Volume::rename_with_flags},
                                                                 {FUSE_LINK, &Volume::hard_link},
                                                                 {FUSE_CREATE, &Volume::create},
                                                                 {FUSE_TMPFILE, &Volume::create_unnamed},
                                                                 {fuse_statx, &Volume::get_more_attributes},
                                                                 {FUSE_OPEN, &Volume::open},
                                                                 {FUSE_READ, &Volume::read},
                                                                 {FUSE_WRITE, &Volume::write},
                                                                 {FUSE_RELEASE, &Volume::release},
                                                                 {FUSE_FSYNC, &Volume::fsync},
                                                                 {FUSE_FALLOCATE, &Volume::allocate},
                                                                 {FUSE_LSEEK, &Volume::seek},
                                                                 {FUSE_STATFS, &Volume::file_system},
                                                                 {FUSE_SETXATTR, &Volume::set_xattr},
                                                                 {FUSE_GETXATTR, &Volume::get_xattr},
                                                                 {FUSE_LISTXATTR, &Volume::list_xattrs},
                                                                 {FUSE_REMOVEXATTR, &Volume::remove_xattr},
                                                                 {FUSE_OPENDIR, &Volume::open_folder},
                                                                 {FUSE_READDIR, &Volume::read_folder},
                                                                 {FUSE_READDIRPLUS, &Volume::read_folder_plus},
                                                                 {FUSE_RELEASEDIR, &Volume::release_folder},
                                                                 {FUSE_FSYNCDIR, &Volume::fsync_folder}};
  const auto found = methods.find(opcode);
  return found == methods.end() ? nullptr : found->second;
}

int Volume::handle(Session& session, const Request& request) {
  // A reply that waits is given when its time has come; nothing answers an interruption.
  if (request.head.opcode == FUSE_INTERRUPT) return 0;
  if (request.head.opcode == FUSE_DESTROY) {
    session.reply_empty(request.head.unique);
    return 0;
  }
  const Method method = method_of(request.head.opcode);
  if (method == nullptr) return ENOSYS;
  if (stream_ == nullptr && changes(request)) return EROFS;
  if (is_sent_again(request.head) && answer_again(session, request)) return 0;
  if (is_noted(request.head.opcode))
    current().undertaking = inheritance_->begin(number_of(request.head), request.head.opcode);
  const int error = (this->*method)(session, request);
  if (current().undertaking != nullptr) inheritance_->end(current().undertaking);
  current() = {};
  if (error == EMFILE || error == ENFILE) tell_out_of_descriptors(error);
  // After the reply: the application goes on meanwhile.
  if (stream_ != nullptr && changes(request)) stream_->pass();
  return error;
}

void Volume::tell_out_of_descriptors(int error) {
  {
    const std::lock_guard lock{noting_};
    const Instant now = platform::boottime_now();
    if (now < next_note_) return;
    next_note_ = now + note_interval;
  }
  note_(error_text(error));
}

void Volume::announce(const Node& node, const Head& head, std::span<const std::byte> payload) {
  if (!node.is_local) stream_->announce(head, payload);
}

void Volume::record(const Node& node, const Head& head, std::span<const std::byte> payload) {
  if (!node.is_local) stream_->record(head, payload);
}

void Volume::doubt(const Node& node) {
  if (!node.is_local) stream_->doubt(node.id);
}

void fill_attributes(fuse_attr& out, const struct stat& of, FileId id) {
  const auto narrow = [](auto value) { return static_cast<std::uint32_t>(value); };
  out.ino = inode_of(id);
  out.size = static_cast<std::uint64_t>(of.st_size);
  out.blocks = static_cast<std::uint64_t>(of.st_blocks);
  out.atime = static_cast<std::uint64_t>(of.st_atim.tv_sec);
  out.mtime = static_cast<std::uint64_t>(of.st_mtim.tv_sec);
  out.ctime = static_cast<std::uint64_t>(of.st_ctim.tv_sec);
  out.atimensec = narrow(of.st_atim.tv_nsec);
  out.mtimensec = narrow(of.st_mtim.tv_nsec);
  out.ctimensec = narrow(of.st_ctim.tv_nsec);
  out.mode = of.st_mode;
  out.nlink = narrow(of.st_nlink);
  out.uid = of.st_uid;
  out.gid = of.st_gid;
  out.rdev = device_number(of.st_rdev);
  out.blksize = narrow(of.st_blksize);
}

fuse_entry_out Volume::entry_of(const Node& node, const struct stat& of) const {
  fuse_entry_out out{};
  out.nodeid = inode_of(node.id);
  out.generation = generation_of(node.handle);
  out.entry_valid = cached_s_;
  out.attr_valid = cached_s_;
  fill_attributes(out.attr, of, node.id);
  return out;
}

}  // namespace clusteragent::filesync::fuse
