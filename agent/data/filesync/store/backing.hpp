#pragma once
// What is done to files, by descriptors and names within one folder, never by paths: the same on the primary, where an
// application asked for it, and on the replica, where the stream did. `node` is a descriptor opened with O_PATH.
// Threads: any; blocking. Errors: 0 or the system's errno.
#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/filesync/wire/payload.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync::backing {

using platform::Fd;
using Xattrs = std::vector<std::pair<std::string, std::string>>;

/// O_PATH, of the file itself where it is a symbolic link. An empty Fd: errno says why.
Fd open_node(int folder, const std::string& name);
/// Opens what `node` stands for, whatever became of its names.
Fd reopen(int node, int flags);
int stat_of(int node, struct stat& out);
/// Whether the folder is that other one or lies in it.
bool is_inside(int folder, int other);
/// Where `node` is, below the folder `root`; empty: it is the folder itself, elsewhere, or without a name.
std::string path_below(int root, int node);
/// A path that leads to the file itself, for calls that know no descriptor.
std::string path_of(int node);

int make(int folder, const NewFile& file);
/// A file that has no name (O_TMPFILE); O_PATH. An empty Fd: errno says why.
Fd make_unnamed(int folder, const NewFile& file);
int remove(int folder, const std::string& name, bool is_folder);
int rename(int from, const std::string& name, int to, const std::string& new_name, unsigned flags);
int link(int node, int folder, const std::string& name);
int read_link(int node, std::string& target);

int set_mode(int node, mode_t mode);
int set_owner(int node, uid_t owner, gid_t group);
int set_times(int node, const timespec& accessed, const timespec& modified);
int apply(int node, const AttributeChange& change);

int set_xattr(int node, const std::string& name, const std::string& value, int flags);
bool has_xattr(int node, const char* name);
int remove_xattr(int node, const std::string& name);
int all_xattrs(int node, Xattrs& out);

/// Whole or an error; `written` is in the file either way.
int write_at(int file, std::span<const std::byte> data, std::uint64_t offset, std::size_t& written);
/// Up to the end of the file.
int read_at(int file, std::byte* data, std::size_t bytes, std::uint64_t offset, std::size_t& read);
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
/// Parts of [begin, end), in order, that have room on the disk and were never written (fallocate(2)). Empty also where
/// the file system does not tell (ioctl_fiemap(2)).
std::vector<Range> reserved_ranges(int file, std::uint64_t begin, std::uint64_t end);
/// fallocate(2); a range of zeros is made of a hole and an allocation where the file system knows no such thing.
int allocate(int file, int mode, std::uint64_t offset, std::uint64_t bytes);
/// Names without . and ..
int names_in(int node, std::vector<std::string>& out);
/// The same with their inodes, without looking at each.
int inodes_in(int node, std::map<std::string, ino_t>& out);
/// A folder with all that is in it.
int remove_tree(int folder, const std::string& name);

}  // namespace clusteragent::filesync::backing
