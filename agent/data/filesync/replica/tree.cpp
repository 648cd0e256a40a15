#include "agent/data/filesync/replica/tree.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/data/filesync/salvage/salvage.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"

namespace clusteragent::filesync {
namespace {

constexpr mode_t permission_bits = 07777;

class Equalizer {
 public:
  Equalizer(const Exclusion& exclusion, const std::vector<ManifestEntry>& manifest, const Adoption& adoption,
            ReplicaFiles& files, Salvage* salvage = nullptr)
      : exclusion_{exclusion}, reserved_{adoption.reserved}, files_{files}, salvage_{salvage} {
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
      if (salvage_ != nullptr) salvage_->removing(node, name);
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
  friend int clusteragent::filesync::make_name_equal(int, const ManifestEntry&, ReplicaFiles&);

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
      if (!*first) return errno;
      if (salvage_ != nullptr) keep_other(folder_node, entry.made.name, first->number());
      return another_name(folder_node, entry, first->number());
    }
    if (const int error = settle_name(folder_node, entry); error != 0) return error;
    if (!S_ISDIR(entry.made.mode)) return 0;
    const ReplicaFile::Ref inner = files_.find(entry.file)->second.node();
    return *inner ? folder(entry.file, inner->number(), path + entry.made.name + "/") : errno;
  }

  // What is in it stays where it is a folder.
  int settle_name(int folder_node, const ManifestEntry& entry) {
    platform::Fd node = backing::open_node(folder_node, entry.made.name);
    if (node && !may_adopt(node.number(), entry)) {
      node.reset();
      if (salvage_ != nullptr) salvage_->removing(folder_node, entry.made.name);
      if (const int error = backing::remove_tree(folder_node, entry.made.name); error != 0) return error;
    }
    if (node && salvage_ != nullptr) salvage_->adopted(entry.file, node.number());
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
    return *kept ? attributes(kept->number(), entry) : errno;
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
    if (*file && salvage_ != nullptr) salvage_->resizing(entry.file, file->number(), entry.size);
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

  // Known files other than the entry's must not be adopted for it.
  void keep_apart(FileId file) {
    for (const auto& [id, known] : files_) {
      if (id == file || volume_of(id) != volume_of(file)) continue;
      const ReplicaFile::Ref node = known.node();
      struct stat of {};
      if (*node && backing::stat_of(node->number(), of) == 0) adopted_.insert(of.st_ino);
    }
  }

  // The name of another file, which is about to become one more name of `known`.
  void keep_other(int folder_node, const std::string& name, int known) {
    struct stat of {};
    struct stat there {};
    const platform::Fd node = backing::open_node(folder_node, name);
    if (!node || backing::stat_of(known, of) != 0 || backing::stat_of(node.number(), there) != 0) return;
    if (of.st_ino != there.st_ino) salvage_->removing(folder_node, name);
  }

  const Exclusion& exclusion_;
  const std::map<ino_t, FileId>& reserved_;
  ReplicaFiles& files_;
  Salvage* salvage_;
  std::map<FileId, std::vector<const ManifestEntry*>> inside_;
  std::set<ino_t> adopted_;
  std::string place_;
};

}  // namespace

int make_entry_equal(const ReplicaFile& file, const ManifestEntry& entry, ReplicaFiles& files) {
  const ReplicaFile::Ref node = file.node();
  struct stat of {};
  if (!*node) return errno;
  if (const int error = backing::stat_of(node->number(), of); error != 0) return error;
  if (S_ISREG(entry.made.mode) && static_cast<std::uint64_t>(of.st_size) != entry.size) {
    const ReplicaFile::Ref contents = file.contents();
    if (!*contents || ::ftruncate(contents->number(), static_cast<off_t>(entry.size)) != 0) return errno;
  }
  const Exclusion nothing;
  const Adoption nobody;
  return Equalizer{nothing, {}, nobody, files}.attributes(node->number(), entry);
}

int make_name_equal(int folder, const ManifestEntry& entry, ReplicaFiles& files) {
  const Exclusion nothing;
  const Adoption nobody;
  Equalizer equalizer{nothing, {}, nobody, files};
  const auto known = files.find(entry.file);
  if (known != files.end()) {
    const ReplicaFile::Ref node = known->second.node();
    struct stat of {};
    const bool is_alive = *node && backing::stat_of(node->number(), of) == 0 && of.st_nlink > 0 &&
                          ((of.st_mode ^ entry.made.mode) & S_IFMT) == 0;
    if (is_alive && !S_ISDIR(of.st_mode)) return Equalizer::another_name(folder, entry, node->number());
  }
  equalizer.keep_apart(entry.file);
  return equalizer.settle_name(folder, entry);
}

std::string make_equal(const Directory& directory, VolumeNumber number, const std::vector<ManifestEntry>& manifest,
                       const Adoption& adoption, ReplicaFiles& files, Salvage* salvage) {
  if (manifest.empty() || manifest.front().file != root_of(number)) return "the list of files is not complete";
  platform::Fd node{::openat(directory.root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!node) return fmt::format("cannot open the directory: {}", error_text(errno));
  const int folder = directory.root;
  if (const int error = files.put(root_of(number), std::move(node)); error != 0)
    return fmt::format("the file system of the directory has no file handles: {}", error_text(error));
  Equalizer equalizer{*directory.exclusion, manifest, adoption, files, salvage};
  int error = equalizer.attributes(folder, manifest.front());
  if (error == 0) error = equalizer.folder(root_of(number), folder, "");
  return error == 0 ? std::string{} : fmt::format("\"{}\": {}", equalizer.place(), error_text(error));
}

}  // namespace clusteragent::filesync
