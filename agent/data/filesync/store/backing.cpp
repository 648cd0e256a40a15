#include "agent/data/filesync/store/backing.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

namespace clusteragent::filesync::backing {
namespace {

constexpr mode_t permission_bits = 07777;
constexpr mode_t privilege_bits = S_ISUID | S_ISGID;
// The list of names and a value are at most this long in Linux (xattr(7)).
constexpr std::size_t xattr_bytes_max = 65536;
constexpr std::uint32_t extents_a_call = 64;

int result_of(long code) {
  return code < 0 ? errno : 0;
}

int make_regular(int folder, const NewFile& file) {
  const Fd made{::openat(folder, file.name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
                         file.mode & permission_bits)};
  return made ? 0 : errno;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Fd open_node(int folder, const std::string& name) {
  return Fd{::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
}

Fd reopen(int node, int flags) {
  return Fd{::open(path_of(node).c_str(), (flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL)) | O_CLOEXEC)};
}

int stat_of(int node, struct stat& out) {
  return result_of(::fstatat(node, "", &out, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

bool is_inside(int folder, int other) {
  struct stat outer {};
  struct stat of {};
  if (stat_of(other, outer) != 0) return false;
  Fd above{::openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  while (above && stat_of(above.number(), of) == 0) {
    if (of.st_ino == outer.st_ino && of.st_dev == outer.st_dev) return true;
    const struct stat below = of;
    above = Fd{::openat(above.number(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    // The root lies in itself.
    if (!above || stat_of(above.number(), of) != 0 || (of.st_ino == below.st_ino && of.st_dev == below.st_dev)) break;
  }
  return false;
}

std::string path_of(int node) {
  return fmt::format("/proc/self/fd/{}", node);
}

std::string path_below(int root, int node) {
  const auto named = [](int descriptor) {
    std::string path(PATH_MAX, '\0');
    const ssize_t size = ::readlink(path_of(descriptor).c_str(), path.data(), path.size());
    path.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return path;
  };
  const std::string above = named(root) + "/";
  const std::string path = named(node);
  return path.starts_with(above) ? path.substr(above.size()) : std::string{};
}

int make(int folder, const NewFile& file) {
  const char* name = file.name.c_str();
  int error = 0;
  if (S_ISREG(file.mode))
    error = make_regular(folder, file);
  else if (S_ISDIR(file.mode))
    error = result_of(::mkdirat(folder, name, file.mode & permission_bits));
  else if (S_ISLNK(file.mode))
    error = result_of(::symlinkat(file.target.c_str(), folder, name));
  else
    error = result_of(::mknodat(folder, name, file.mode, file.device));
  if (error != 0) return error;
  struct stat of {};
  error = result_of(::fstatat(folder, name, &of, AT_SYMLINK_NOFOLLOW));
  if (error == 0) error = result_of(::fchownat(folder, name, file.owner, file.group, AT_SYMLINK_NOFOLLOW));
  // The system takes these bits away from a file that changes its owner. The others are as a default list made them.
  if (error == 0 && (file.mode & privilege_bits) != 0 && !S_ISLNK(file.mode)) {
    const mode_t mode = of.st_mode | (file.mode & privilege_bits);
    error = result_of(::fchmodat(folder, name, mode & permission_bits, 0));
  }
  if (error != 0) remove(folder, file.name, S_ISDIR(file.mode));
  return error;
}

Fd make_unnamed(int folder, const NewFile& file) {
  const Fd made{::openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, file.mode & permission_bits)};
  struct stat of {};
  if (!made || ::fstat(made.number(), &of) != 0) return {};
  if (::fchown(made.number(), file.owner, file.group) != 0) return {};
  if ((file.mode & privilege_bits) != 0 && ::fchmod(made.number(), of.st_mode & permission_bits) != 0) return {};
  return reopen(made.number(), O_PATH);
}

int remove(int folder, const std::string& name, bool is_folder) {
  return result_of(::unlinkat(folder, name.c_str(), is_folder ? AT_REMOVEDIR : 0));
}

int rename(int from, const std::string& name, int to, const std::string& new_name, unsigned flags) {
  return result_of(::renameat2(from, name.c_str(), to, new_name.c_str(), flags));
}

int link(int node, int folder, const std::string& name) {
  return result_of(::linkat(node, "", folder, name.c_str(), AT_EMPTY_PATH));
}

int read_link(int node, std::string& target) {
  target.resize(PATH_MAX);
  const ssize_t size = ::readlinkat(node, "", target.data(), target.size());
  if (size < 0) return errno;
  target.resize(static_cast<std::size_t>(size));
  return 0;
}

int set_mode(int node, mode_t mode) {
  return result_of(::chmod(path_of(node).c_str(), mode & permission_bits));
}

int set_owner(int node, uid_t owner, gid_t group) {
  return result_of(::fchownat(node, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int set_times(int node, const timespec& accessed, const timespec& modified) {
  const timespec times[] = {accessed, modified};
  return result_of(::utimensat(node, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int apply(int node, const AttributeChange& change) {
  // The owner first: changing it takes bits of the mode away.
  if (change.owner) {
    if (const int error = set_owner(node, change.owner->first, change.owner->second); error != 0) return error;
  }
  if (change.mode) {
    if (const int error = set_mode(node, *change.mode); error != 0) return error;
  }
  return change.times ? set_times(node, change.times->accessed, change.times->modified) : 0;
}

int set_xattr(int node, const std::string& name, const std::string& value, int flags) {
  return result_of(::setxattr(path_of(node).c_str(), name.c_str(), value.data(), value.size(), flags));
}

bool has_xattr(int node, const char* name) {
  return ::getxattr(path_of(node).c_str(), name, nullptr, 0) >= 0;
}

int remove_xattr(int node, const std::string& name) {
  return result_of(::removexattr(path_of(node).c_str(), name.c_str()));
}

int all_xattrs(int node, Xattrs& out) {
  const std::string path = path_of(node);
  // Not cleared: most files have no attributes, and this is asked of every file of a copy.
  const auto names = std::make_unique_for_overwrite<char[]>(xattr_bytes_max);
  const ssize_t size = ::listxattr(path.c_str(), names.get(), xattr_bytes_max);
  if (size < 0) return errno == EOPNOTSUPP ? 0 : errno;
  if (size == 0) return 0;
  const auto value = std::make_unique_for_overwrite<char[]>(xattr_bytes_max);
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.get() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    const ssize_t bytes = ::getxattr(path.c_str(), name.c_str(), value.get(), xattr_bytes_max);
    if (bytes >= 0) out.emplace_back(name, std::string(value.get(), static_cast<std::size_t>(bytes)));
  }
  return 0;
}

int write_at(int file, std::span<const std::byte> data, std::uint64_t offset, std::size_t& written) {
  written = 0;
  while (written < data.size()) {
    const ssize_t got =
        ::pwrite(file, data.data() + written, data.size() - written, static_cast<off_t>(offset + written));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    written += static_cast<std::size_t>(got);
  }
  return 0;
}

int read_at(int file, std::byte* data, std::size_t bytes, std::uint64_t offset, std::size_t& read) {
  read = 0;
  while (read < bytes) {
    const ssize_t got = ::pread(file, data + read, bytes - read, static_cast<off_t>(offset + read));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    read += static_cast<std::size_t>(got);
  }
  return 0;
}

std::vector<Range> reserved_ranges(int file, std::uint64_t begin, std::uint64_t end) {
  std::vector<Range> found;
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + extents_a_call * sizeof(fiemap_extent)> memory{};
  while (begin < end) {
    memory.fill(std::byte{});
    auto* map = reinterpret_cast<fiemap*>(memory.data());
    map->fm_start = begin;
    map->fm_length = end - begin;
    map->fm_extent_count = extents_a_call;
    if (::ioctl(file, FS_IOC_FIEMAP, map) != 0 || map->fm_mapped_extents == 0) break;
    const std::span extents{map->fm_extents, map->fm_mapped_extents};
    for (const fiemap_extent& extent : extents) {
      const std::uint64_t from = std::max<std::uint64_t>(begin, extent.fe_logical);
      const std::uint64_t to = std::min<std::uint64_t>(end, extent.fe_logical + extent.fe_length);
      if ((extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0 && from < to) found.push_back({from, to});
    }
    const fiemap_extent& last = extents.back();
    if ((last.fe_flags & FIEMAP_EXTENT_LAST) != 0) break;
    begin = std::max<std::uint64_t>(begin + 1, last.fe_logical + last.fe_length);
  }
  return found;
}

int allocate(int file, int mode, std::uint64_t offset, std::uint64_t bytes) {
  const auto at = static_cast<off_t>(offset);
  const auto length = static_cast<off_t>(bytes);
  if (::fallocate(file, mode, at, length) == 0) return 0;
  if (errno != EOPNOTSUPP || (mode & FALLOC_FL_ZERO_RANGE) == 0) return errno;
  const int keep = mode & FALLOC_FL_KEEP_SIZE;
  if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length) != 0) return errno;
  return result_of(::fallocate(file, keep, at, length));
}

int names_in(int node, std::vector<std::string>& out) {
  const int folder = ::openat(node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const std::unique_ptr<DIR, CloseDirectory> directory{::fdopendir(folder)};
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
    errno = 0;
  }
  return errno;
}

int inodes_in(int node, std::map<std::string, ino_t>& out) {
  const int folder = ::openat(node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const std::unique_ptr<DIR, CloseDirectory> directory{::fdopendir(folder)};
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") out.emplace(std::move(name), entry->d_ino);
    errno = 0;
  }
  return errno;
}

int remove_tree(int folder, const std::string& name) {
  const Fd inner{::openat(folder, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!inner) return remove(folder, name, false);
  std::vector<std::string> names;
  if (const int error = names_in(inner.number(), names); error != 0) return error;
  for (const std::string& each : names) {
    if (const int error = remove_tree(inner.number(), each); error != 0) return error;
  }
  return remove(folder, name, true);
}

}  // namespace clusteragent::filesync::backing
