// What a former engine left to this one: nodes, open files, and requests that it had taken and not answered. The kernel
// sends those again. A request that changes names must not be done twice; what each is when it comes again:
//
//   looking      nothing was changed: its counts are undone, and it is done
//   done         it gets the reply that was written down before it was given
//   begun        restore() has looked which it is. Made: taken back, and done anew; what stood there before was
//   nothing.
//                Removed, moved or linked: done, if the name is gone, or the file stands at its new place; a link is
//                not taken back, because a file that had no name would have none for ever. An extended attribute that
//                had to be new, or to be there: done once more without that condition.
//   not noted    can be done twice: reading, writing at an offset, truncating, allocating, punching, attributes (all
//                absolute), fsync. The kernel has the file locked against others meanwhile, or allows them any order.
//                An open file is closed and opened anew.
//
// Nobody else changes names under the gate between the two notes, and what the kernel has locked stays locked.
#include <errno.h>
#include <fcntl.h>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {

Current& current() {
  thread_local Current now;
  return now;
}

bool Volume::is_noted(std::uint32_t opcode) {
  switch (opcode) {
    case FUSE_LOOKUP:
    case FUSE_READDIRPLUS:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_CREATE:
    case FUSE_TMPFILE:
    case FUSE_LINK:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
      return true;
    default:
      return false;
  }
}

void Volume::begun(std::uint64_t granted) {
  if ((granted & has_resend) != 0) inheritance_->set_usable();
}

Status Volume::restore(std::unordered_map<FileId, platform::Fd> kept) {
  if (!nodes_.restore(std::move(kept)))
    return Error{ErrorCode::refused, "it does not say for certain which files the kernel knows"};
  for (KnownOpen& record : inheritance_->opens()) {
    if (record.handle != 0) restore_open(record);
  }
  for (Undertaking& each : inheritance_->take_undertakings()) {
    if (each.state == Undertaking::begun) settle(each);
    left_.emplace(each.request, each);
  }
  return success();
}

void Volume::restore_open(KnownOpen& record) {
  auto opened = std::make_unique<OpenFile>();
  opened->node = nodes_.find(FileId{record.file});
  // Closed and forgotten, but for the last word of it.
  if (!opened->node) return inheritance_->remove_open(&record);
  const OpenNode node{opened->node};
  const int flags = static_cast<int>(record.flags);
  // One that is not found again is an error to whoever uses it.
  if (node && record.is_folder != 0)
    opened->file = platform::Fd{::openat(node.path(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  else if (node)
    opened->file = backing::reopen(node.path(), flags & ~(not_for_reopening | O_TMPFILE));
  opened->is_synchronous = (flags & O_DSYNC) != 0;
  files_.restore(record, std::move(opened));
}

void Volume::settle(Undertaking& left) {
  const OpenNode folder{nodes_.find(FileId{left.folder})};
  const auto stands_at = [](const OpenNode& in, const char* name) {
    return in ? backing::open_node(in.path(), name) : platform::Fd{};
  };
  const auto is_file = [&](const platform::Fd& there) {
    struct stat of {};
    return there && backing::stat_of(there.number(), of) == 0 && nodes_.id_of(of).value() == left.file;
  };
  switch (left.opcode) {
    case FUSE_UNLINK:
    case FUSE_RMDIR:
      if (folder && !stands_at(folder, left.name.data()) && errno == ENOENT) left.finish();
      return;
    case FUSE_RENAME:
    case FUSE_RENAME2:
      if (is_file(stands_at(OpenNode{nodes_.find(FileId{left.new_folder})}, left.new_name.data()))) left.finish();
      return;
    case FUSE_LINK:
      // Its reply tells of the file as it is then.
      if (!is_file(stands_at(folder, left.name.data()))) left.state = Undertaking::looking;
      return;
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
      return;
    default:
      take_back(left);
  }
}

void Volume::take_back(Undertaking& left) {
  const OpenNode folder{nodes_.find(FileId{left.folder})};
  const platform::Fd made = folder ? backing::open_node(folder.path(), left.name.data()) : platform::Fd{};
  struct stat of {};
  if (made && backing::stat_of(made.number(), of) == 0)
    backing::remove(folder.path(), left.name.data(), S_ISDIR(of.st_mode));
  left.state = Undertaking::looking;
}

void Volume::undo_lookups(const Undertaking& left) {
  for (std::size_t at = 0; at < left.lookups_count; ++at) gone(nodes_.forget(FileId{left.lookups[at]}, 1));
}

void Volume::undo_opens(std::uint64_t number) {
  for (const KnownOpen& record : inheritance_->opens()) {
    if (record.handle != 0 && record.request == number) let_go(record.handle);
  }
}

bool Volume::answer_again(Session& session, const Request& request) {
  const std::uint64_t number = number_of(request.head);
  std::unique_lock lock{leaving_};
  auto left = left_.extract(number);
  lock.unlock();
  if (left.empty()) {
    if (request.head.opcode == FUSE_OPEN || request.head.opcode == FUSE_OPENDIR) undo_opens(number);
    return false;
  }
  const Undertaking& was = left.mapped();
  if (was.state == Undertaking::done) {
    session.reply(request.head.unique, std::span{was.reply}.first(was.reply_bytes));
    return true;
  }
  undo_opens(number);
  undo_lookups(was);
  current().is_perhaps_done = was.state == Undertaking::begun;
  return false;
}

void Volume::let_go(std::uint64_t handle) {
  const std::unique_ptr<OpenFile> opened = files_.remove(handle);
  if (opened && opened->node->is_kept) nodes_.settle_keeping(*opened->node);
}

}  // namespace clusteragent::filesync::fuse
