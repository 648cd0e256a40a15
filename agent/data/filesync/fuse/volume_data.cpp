// Requests about contents: what changes a file shares the gate and holds the file's lock, so that its bytes and its
// place in the stream have one order.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
std::uint32_t Volume::open_flags() const {
  // A replica's files change without the kernel's knowing: nothing of them is kept. On the primary, writes past the
  // page cache need no order of the kernel's: each takes the lock of its file here.
  return stream_ == nullptr ? FOPEN_DIRECT_IO : FOPEN_KEEP_CACHE | FOPEN_PARALLEL_DIRECT_WRITES;
}

int Volume::open(Session& session, const Request& request) {
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  const int flags = static_cast<int>(request.as<fuse_open_in>().flags);
  auto opened = std::make_unique<OpenFile>();
  opened->node = node.ref();
  opened->file = backing::reopen(node.path(), flags & ~not_for_reopening);
  opened->is_synchronous = (flags & O_DSYNC) != 0;
  if (!opened->file) return errno;
  fuse_open_out out{};
  out.open_flags = open_flags();
  out.fh = files_.add(std::move(opened), number_of(request.head), static_cast<std::uint32_t>(flags), false);
  if (out.fh == 0) return ENFILE;
  // Its last name may have gone meanwhile.
  if (nodes_.pinned(*node)) nodes_.settle_keeping(*node.ref());
  session.reply(request.head, out);
  return 0;
}

int Volume::release(Session& session, const Request& request) {
  let_go(request.as<fuse_release_in>().fh);
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::read(Session& session, const Request& request) {
  const auto& in = request.as<fuse_read_in>();
  const OpenFile* opened = files_.find(in.fh);
  if (opened == nullptr) return ESTALE;
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < in.size) buffer.resize(in.size);
  std::size_t got = 0;
  const int error = backing::read_at(opened->file.number(), buffer.data(), in.size, in.offset, got);
  if (error != 0) return error;
  session.reply(request.head.unique, std::span{buffer}.first(got));
  return 0;
}

int Volume::write(Session& session, const Request& request) {
  const auto& in = request.as<fuse_write_in>();
  const OpenFile* known = files_.find(in.fh);
  if (known == nullptr) return ESTALE;
  const OpenFile& opened = *known;
  const std::span<const std::byte> data = request.body.subspan(sizeof in, in.size);
  std::size_t written = 0;
  {
    const auto shared = stream_->gate.shared();
    const std::lock_guard lock{stream_->locks.of(opened.node->id)};
    const Head head{.op = Op::write, .file = opened.node->id, .offset = in.offset};
    announce(*opened.node, head, data);
    const int error = backing::write_at(opened.file.number(), data, in.offset, written);
    // A disk that ran full took a part of it: that is in the file, and the application is told so (write(2)).
    if (error != 0) doubt(*opened.node);
    if (written == 0 && error != 0) return error;
    record(*opened.node, head, data.first(written));
    if ((in.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0) {
      strip_privileges(*opened.node, opened.file.number());
    }
  }
  stream_->touched(opened.node);
  const auto size = static_cast<std::uint32_t>(written);
  const bool is_asked = opened.is_synchronous || (in.flags & O_DSYNC) != 0 || stream_->acknowledges_writes();
  const bool is_promise = is_asked && !opened.node->is_local;
  if (is_promise) {
    const Mark needed = stream_->mark();
    stream_->flush();
    if (!stream_->may_reply({request.head.unique, size, nodes_.volume()}, needed)) return 0;
  }
  fuse_write_out out{};
  out.size = size;
  session.reply(request.head, out);
  return 0;
}

int Volume::sync(Session& session, const Request& request, const OpenFile& opened) {
  const bool is_data_only = (request.as<fuse_fsync_in>().fsync_flags & FUSE_FSYNC_FDATASYNC) != 0;
  // What is this node's own the other one need not have.
  const bool is_shared = stream_ != nullptr && !opened.node->is_local;
  Mark needed;
  if (is_shared) {
    if (stream_->acknowledges_on_disk()) {
      const auto shared = stream_->gate.shared();
      stream_->record({.op = Op::sync, .file = opened.node->id});
    }
    // Before the own disk is asked: what comes later need not be waited for, and the other disk works meanwhile.
    needed = stream_->mark();
    stream_->flush();
  }
  if ((is_data_only ? ::fdatasync(opened.file.number()) : ::fsync(opened.file.number())) != 0) {
    const int error = errno;
    // The disk says it once, and the next engine would not hear of it.
    inheritance_->spoil();
    return error;
  }
  if (is_shared && !stream_->may_reply({request.head.unique, {}, nodes_.volume()}, needed)) return 0;
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::fsync(Session& session, const Request& request) {
  const OpenFile* opened = files_.find(request.as<fuse_fsync_in>().fh);
  return opened == nullptr ? ESTALE : sync(session, request, *opened);
}

int Volume::fsync_folder(Session& session, const Request& request) {
  return fsync(session, request);
}

void Volume::record_size(const OpenFile& opened) {
  struct stat of {};
  if (::fstat(opened.file.number(), &of) != 0) return;
  const Head head{.op = Op::truncate, .file = opened.node->id, .offset = static_cast<std::uint64_t>(of.st_size)};
  announce(*opened.node, head);
  record(*opened.node, head);
}

int Volume::allocate(Session& session, const Request& request) {
  const auto& in = request.as<fuse_fallocate_in>();
  const OpenFile* known = files_.find(in.fh);
  if (known == nullptr) return ESTALE;
  const OpenFile& opened = *known;
  {
    const auto shared = stream_->gate.shared();
    const std::lock_guard lock{stream_->locks.of(opened.node->id)};
    const Head head{.op = Op::allocate,
                    .flags = static_cast<std::uint16_t>(in.mode),
                    .file = opened.node->id,
                    .offset = in.offset,
                    .extra = in.length};
    announce(*opened.node, head);
    const int code = ::fallocate(opened.file.number(), static_cast<int>(in.mode), static_cast<off_t>(in.offset),
                                 static_cast<off_t>(in.length));
    if (code != 0) {
      const int error = errno;
      record_size(opened);
      doubt(*opened.node);
      return error;
    }
    record(*opened.node, head);
  }
  stream_->touched(opened.node);
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::seek(Session& session, const Request& request) {
  const auto& in = request.as<fuse_lseek_in>();
  const OpenFile* opened = files_.find(in.fh);
  if (opened == nullptr) return ESTALE;
  const off_t found = ::lseek(opened->file.number(), static_cast<off_t>(in.offset), static_cast<int>(in.whence));
  if (found < 0) return errno;
  fuse_lseek_out out{};
  out.offset = static_cast<std::uint64_t>(found);
  session.reply(request.head, out);
  return 0;
}

}  // namespace clusteragent::filesync::fuse
