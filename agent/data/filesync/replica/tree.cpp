#include "agent/data/filesync/replica/tree.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"

namespace clusteragent::filesync {
namespace {

constexpr mode_t permission_bits = 07777;

class Equalizer {
 public:
  Equalizer(const Exclusion& exclusion, const std::vector<ManifestEntry>& manifest, const Adoption& adoption,
            ReplicaFiles& files)
      : exclusion_{exclusion}, reserved_{adoption.reserved}, files_{files} {
    for (const ManifestEntry& entry : manifest) inside_[entry.folder].push_back(&entry);
  }

  /// `path` is that of the folder, with a slash behind it; the directory's own is empty.
  int folder(FileId id, int node, const std::string& path) {
    std::vector<std::string> here;
    if (const int error = backing::names_in(node, here); error != 0) return failed("the folder", error);
    std::set<std::string> wanted;
    for (const ManifestEntry* entry : inside_[id]) wanted.insert(entry->made.name);
    for (const std::string& name : here) {
      if (wanted.contains(name) || is_kept(node, name, path)) continue;
      if (const int error = backing::remove_tree(node, name); error != 0) return failed(name, error);
    }
    for (const ManifestEntry* entry : inside_[id]) {
      if (const int error = settle(node, *entry, path); error != 0) return failed(entry->made.name, error);
    }
    return 0;
  }

  int attributes(int node, const ManifestEntry& entry) {
    struct stat of {};
    if (const int error = backing::stat_of(node, of); error != 0) return error;
    AttributeChange change;
    const bool has_other_owner = of.st_uid != entry.made.owner || of.st_gid != entry.made.group;
    if (has_other_owner) change.owner = {entry.made.owner, entry.made.group};
    const bool has_other_mode = ((of.st_mode ^ entry.made.mode) & permission_bits) != 0;
    if (!S_ISLNK(entry.made.mode) && (has_other_mode || has_other_owner)) change.mode = entry.made.mode;
    if (const int error = backing::apply(node, change); error != 0) return error;
    return S_ISREG(entry.made.mode) || S_ISDIR(entry.made.mode) ? xattrs(node, entry) : 0;
  }

  const std::string& place() const { return place_; }

 private:
  int failed(const std::string& name, int error) {
    if (place_.empty()) place_ = name;
    return error;
  }

  static int xattrs(int node, const ManifestEntry& entry) {
    backing::Xattrs here;
    if (const int error = backing::all_xattrs(node, here); error != 0) return error;
    for (const auto& [name, value] : here) {
      const bool is_wanted = std::any_of(entry.xattrs.begin(), entry.xattrs.end(),
                                         [&name = name](const auto& each) { return each.first == name; });
      if (is_wanted) continue;
      if (const int error = backing::remove_xattr(node, name); error != 0) return error;
    }
    for (const auto& each : entry.xattrs) {
      if (std::find(here.begin(), here.end(), each) != here.end()) continue;
      if (const int error = backing::set_xattr(node, each.first, each.second, 0); error != 0) return error;
    }
    return 0;
  }

  bool is_kept(int folder_node, const std::string& name, const std::string& path) const {
    if (exclusion_.is_empty()) return false;
    const platform::Fd node = backing::open_node(folder_node, name);
    struct stat of {};
    return node && backing::stat_of(node.number(), of) == 0 && exclusion_.excludes(path + name, S_ISDIR(of.st_mode));
  }

  int settle(int folder_node, const ManifestEntry& entry, const std::string& path) {
    const auto known = files_.find(entry.file);
    if (known != files_.end()) {
      const ReplicaFile::Ref first = known->second.node();
      return *first ? another_name(folder_node, entry, first->number()) : errno;
    }
    platform::Fd node = backing::open_node(folder_node, entry.made.name);
    if (node && !may_adopt(node.number(), entry)) {
      node.reset();
      if (const int error = backing::remove_tree(folder_node, entry.made.name); error != 0) return error;
    }
    if (!node) {
      if (const int error = backing::make(folder_node, entry.made); error != 0) return error;
      node = backing::open_node(folder_node, entry.made.name);
      if (!node) return errno;
    }
    struct stat of {};
    if (const int error = backing::stat_of(node.number(), of); error != 0) return error;
    adopted_.insert(of.st_ino);
    if (const int error = files_.put(entry.file, std::move(node)); error != 0) return error;
    if (const int error = resize(entry, of); error != 0) return error;
    const ReplicaFile::Ref kept = files_.find(entry.file)->second.node();
    if (!*kept) return errno;
    if (const int error = attributes(kept->number(), entry); error != 0) return error;
    return S_ISDIR(entry.made.mode) ? folder(entry.file, kept->number(), path + entry.made.name + "/") : 0;
  }

  // Two files of the primary must not become two names of one file here.
  bool may_adopt(int node, const ManifestEntry& entry) const {
    struct stat of {};
    if (backing::stat_of(node, of) != 0 || ((of.st_mode ^ entry.made.mode) & S_IFMT) != 0) return false;
    if (adopted_.contains(of.st_ino)) return false;
    const auto reserved = reserved_.find(of.st_ino);
    if (reserved != reserved_.end() && reserved->second != entry.file) return false;
    if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) return true;
    if (!S_ISLNK(of.st_mode)) return of.st_rdev == entry.made.device;
    std::string target;
    return backing::read_link(node, target) == 0 && target == entry.made.target;
  }

  int resize(const ManifestEntry& entry, const struct stat& of) {
    if (!S_ISREG(entry.made.mode) || static_cast<std::uint64_t>(of.st_size) == entry.size) return 0;
    const ReplicaFile::Ref file = files_.find(entry.file)->second.contents();
    return !*file || ::ftruncate(file->number(), static_cast<off_t>(entry.size)) != 0 ? errno : 0;
  }

  static int another_name(int folder_node, const ManifestEntry& entry, int known) {
    struct stat of {};
    struct stat there {};
    if (const int error = backing::stat_of(known, of); error != 0) return error;
    const platform::Fd node = backing::open_node(folder_node, entry.made.name);
    if (node) {
      if (backing::stat_of(node.number(), there) == 0 && there.st_ino == of.st_ino) return 0;
      if (const int error = backing::remove_tree(folder_node, entry.made.name); error != 0) return error;
    }
    return backing::link(known, folder_node, entry.made.name);
  }

  const Exclusion& exclusion_;
  const std::map<ino_t, FileId>& reserved_;
  ReplicaFiles& files_;
  std::map<FileId, std::vector<const ManifestEntry*>> inside_;
  std::set<ino_t> adopted_;
  std::string place_;
};

}  // namespace

std::string make_equal(const Directory& directory, VolumeNumber number, const std::vector<ManifestEntry>& manifest,
                       const Adoption& adoption, ReplicaFiles& files) {
  if (manifest.empty() || manifest.front().file != root_of(number)) return "the list of files is not complete";
  platform::Fd node{::openat(directory.root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!node) return fmt::format("cannot open the directory: {}", error_text(errno));
  const int folder = directory.root;
  if (const int error = files.put(root_of(number), std::move(node)); error != 0)
    return fmt::format("the file system of the directory has no file handles: {}", error_text(error));
  Equalizer equalizer{*directory.exclusion, manifest, adoption, files};
  int error = equalizer.attributes(folder, manifest.front());
  if (error == 0) error = equalizer.folder(root_of(number), folder, "");
  return error == 0 ? std::string{} : fmt::format("\"{}\": {}", equalizer.place(), error_text(error));
}

}  // namespace clusteragent::filesync
