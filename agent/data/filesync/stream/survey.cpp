#include "agent/data/filesync/stream/survey.hpp"

#include <errno.h>
#include <fmt/format.h>

#include "agent/data/filesync/ledger/regions.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"

namespace clusteragent::filesync {
namespace {

std::string failure(const std::string& what, int code) {
  return fmt::format("{}: {}", what, error_text(code));
}

}  // namespace

ManifestEntry entry_of(int node, FileId file, const std::string& name, const struct stat& of) {
  ManifestEntry entry;
  entry.file = file;
  entry.made = {name, of.st_mode, of.st_uid, of.st_gid, of.st_rdev, ""};
  entry.size = static_cast<std::uint64_t>(of.st_size);
  if (S_ISLNK(of.st_mode)) backing::read_link(node, entry.made.target);
  if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) backing::all_xattrs(node, entry.xattrs);
  return entry;
}

std::string TreeReader::find_root() {
  if (root_inode_ != 0) return {};
  struct stat of {};
  if (::fstat(directory_.root, &of) != 0) return failure("cannot read the directory", errno);
  device_ = of.st_dev;
  root_inode_ = of.st_ino;
  return {};
}

std::optional<FoundEntry> TreeReader::read(FileId folder, int node, const std::string& path, std::string& problem) {
  problem = find_root();
  if (!problem.empty()) return std::nullopt;
  struct stat of {};
  if (const int error = backing::stat_of(node, of); error != 0) {
    problem = failure("cannot read " + path, error);
    return std::nullopt;
  }
  if (of.st_dev != device_) {
    problem = fmt::format(
        "another file system is mounted on \"{}\" inside the replicated directory: it cannot be mirrored; unmount it",
        path);
    return std::nullopt;
  }
  if (excludes(path, of.st_mode)) return std::nullopt;
  if (of.st_ino > inode_max) {
    problem = path + " has an inode number of more than 56 bits and cannot be mirrored";
    return std::nullopt;
  }
  const FileId file = of.st_ino == root_inode_ ? root_of(number_) : file_of(number_, of.st_ino);
  ManifestEntry entry = entry_of(node, file, path.substr(path.rfind('/') + 1), of);
  entry.folder = folder;
  Packer packed = pack(entry);
  const auto handle = handle_of(node);
  if (!handle) problem = failure("the file system of the directory has no file handles and cannot be mirrored", errno);
  if (packed.bytes().size() > payload_bytes_max) problem = "the extended attributes of " + path + " are too large";
  if (!problem.empty()) return std::nullopt;
  const auto bytes = packed.bytes();
  return FoundEntry{entry.made.name, entry.file, *handle, of.st_mode, entry.size, {bytes.begin(), bytes.end()}};
}

void Survey::look(const std::function<bool()>& is_over) {
  is_over_ = &is_over;
  for (std::size_t at = 0; at < directories_.size(); ++at) {
    TreeReader reader{directories_[at], static_cast<VolumeNumber>(at)};
    std::string problem;
    const auto root = reader.read(FileId{}, directories_[at].root, "", problem);
    if (root) look_into(reader, *root, directories_[at].root, "");
  }
}

void Survey::look_into(TreeReader& reader, const FoundEntry& folder, int node, const std::string& path) {
  std::vector<std::string> names;
  if (backing::names_in(node, names) != 0) return;
  std::vector<FoundEntry> entries;
  bool is_whole = true;
  for (const std::string& name : names) {
    if ((*is_over_)()) return;
    const std::string inside = path.empty() ? name : path + "/" + name;
    const platform::Fd inner = backing::open_node(node, name);
    std::string problem;
    auto found = inner ? reader.read(folder.file, inner.number(), inside, problem) : std::nullopt;
    // Removed a moment ago, or something that the copy will say itself.
    is_whole = is_whole && inner && problem.empty();
    if (!found) continue;
    if (S_ISDIR(found->mode)) look_into(reader, *found, inner.number(), inside);
    entries.push_back(std::move(*found));
  }
  if (is_whole) folders_.emplace(folder.file, std::move(entries));
}

void Survey::saw(const Head& head, std::span<const std::byte> payload) {
  changed_.insert(head.file);
  for (const Slot& slot : touched_by(head, payload).slots) renamed_.insert(slot.folder);
}

const std::vector<FoundEntry>* Survey::names_in(FileId folder) const {
  const auto found = folders_.find(folder);
  return found == folders_.end() || renamed_.contains(folder) ? nullptr : &found->second;
}

}  // namespace clusteragent::filesync
