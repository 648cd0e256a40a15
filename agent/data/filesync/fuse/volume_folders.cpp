// Requests that list folders. Positions are those of the backing file system.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

constexpr std::size_t listing_bytes = 32 * 1024;

struct Entry {
  std::string name;
  std::uint64_t number = 0;
  std::int64_t next = 0;
  unsigned char type = 0;
};

/// Up to a buffer full of entries from a position on.
int entries_from(int folder, std::uint64_t position, std::vector<Entry>& out) {
  if (::lseek(folder, static_cast<off_t>(position), SEEK_SET) < 0) return errno;
  alignas(dirent64) std::array<char, listing_bytes> buffer{};
  const long bytes = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
  if (bytes < 0) return errno;
  for (long at = 0; at < bytes;) {
    const auto* each = reinterpret_cast<const dirent64*>(buffer.data() + at);
    out.push_back({each->d_name, each->d_ino, each->d_off, each->d_type});
    at += each->d_reclen;
  }
  return 0;
}

bool fits(const std::vector<std::byte>& to, std::size_t room, std::size_t head, const std::string& name) {
  return to.size() + FUSE_DIRENT_ALIGN(head + name.size()) <= room;
}

/// A name behind its head, padded as the ABI wants it.
void append(std::vector<std::byte>& to, const void* head, std::size_t head_bytes_used, const std::string& name) {
  const std::size_t at = to.size();
  to.resize(at + FUSE_DIRENT_ALIGN(head_bytes_used + name.size()));
  std::memcpy(to.data() + at, head, head_bytes_used);
  std::memcpy(to.data() + at + head_bytes_used, name.data(), name.size());
}

fuse_dirent dirent_of(const Entry& entry) {
  fuse_dirent out{};
  out.ino = entry.number;
  out.off = static_cast<std::uint64_t>(entry.next);
  out.namelen = static_cast<std::uint32_t>(entry.name.size());
  out.type = entry.type;
  return out;
}

}  // namespace

int Volume::open_folder(Session& session, const Request& request) {
  const OpenNode node = node_of(request);
  if (!node) return node.error();
  auto opened = std::make_unique<OpenFile>();
  opened->node = node.ref();
  opened->file = platform::Fd{::openat(node.path(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened->file) return errno;
  fuse_open_out out{};
  out.fh = files_.add(std::move(opened), number_of(request.head), 0, true);
  if (out.fh == 0) return ENFILE;
  if (nodes_.pinned(*node)) nodes_.settle_keeping(*node.ref());
  session.reply(request.head, out);
  return 0;
}

int Volume::release_folder(Session& session, const Request& request) {
  let_go(request.as<fuse_release_in>().fh);
  session.reply_empty(request.head.unique);
  return 0;
}

int Volume::read_folder(Session& session, const Request& request) {
  return list(session, request, false);
}

int Volume::read_folder_plus(Session& session, const Request& request) {
  return list(session, request, true);
}

int Volume::list(Session& session, const Request& request, bool with_attributes) {
  const auto& in = request.as<fuse_read_in>();
  const OpenFile* known = files_.find(in.fh);
  if (known == nullptr) return ESTALE;
  const OpenFile& opened = *known;
  std::vector<Entry> entries;
  if (const int error = entries_from(opened.file.number(), in.offset, entries); error != 0) return error;
  const OpenNode folder{with_attributes ? opened.node : nullptr};
  if (with_attributes && !folder) return folder.error();
  std::vector<std::byte> out;
  constexpr std::size_t plain = FUSE_NAME_OFFSET;
  constexpr std::size_t full = FUSE_NAME_OFFSET_DIRENTPLUS;
  for (const Entry& entry : entries) {
    if (!fits(out, in.size, with_attributes ? full : plain, entry.name)) break;
    if (with_attributes && current().undertaking->lookups_count == noted_lookups_max) break;
    fuse_direntplus head{};
    head.dirent = dirent_of(entry);
    if (!with_attributes) {
      append(out, &head.dirent, plain, entry.name);
      continue;
    }
    // One that was removed meanwhile, or these two, the kernel looks up by itself.
    if (entry.name != "." && entry.name != ".." && enter(folder, entry.name, head.entry_out) != 0)
      head.entry_out = fuse_entry_out{};
    append(out, &head, full, entry.name);
  }
  session.reply(request.head.unique, out);
  return 0;
}

}  // namespace clusteragent::filesync::fuse
