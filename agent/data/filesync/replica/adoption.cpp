#include "agent/data/filesync/replica/adoption.hpp"

#include <sys/stat.h>

#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync {
namespace {

class Finder {
 public:
  Finder(VolumeNumber volume, const std::vector<ManifestEntry>& manifest, const Marks& own)
      : volume_{volume}, own_{own} {
    for (const ManifestEntry& entry : manifest) inside_[entry.folder].push_back(&entry);
  }

  /// `node`: -1 where the folder is not here. `here`: its number on this node.
  void folder(FileId id, int node, FileId here) {
    for (const ManifestEntry* entry : inside_[id]) {
      if (entry->is_certain) find(*entry, node, here);
    }
  }

  Adoption found;

 private:
  void find(const ManifestEntry& entry, int folder_node, FileId here) {
    const bool is_own = own_.has(Slot{here, slot_name(entry.made.name)});
    const platform::Fd node =
        folder_node < 0 || is_own ? platform::Fd{} : backing::open_node(folder_node, entry.made.name);
    struct stat of {};
    const bool is_here = node && backing::stat_of(node.number(), of) == 0 &&
                         ((of.st_mode ^ entry.made.mode) & S_IFMT) == 0 &&
                         found.reserved.emplace(of.st_ino, entry.file).second;
    if (S_ISDIR(entry.made.mode)) folder(entry.file, is_here ? node.number() : -1, file_of(volume_, of.st_ino));
    if (!S_ISREG(entry.made.mode)) return;
    if (is_here)
      tell(entry.file, file_of(volume_, of.st_ino));
    else
      found.doubts.push_back({entry.file, Doubt::whole});
  }

  void tell(FileId file, FileId here) {
    const FileMarks* marks = own_.find(here);
    if (marks == nullptr) return;
    if (marks->is_whole || marks->tail) return found.doubts.push_back({file, Doubt::whole});
    for (const auto& [extent, word] : marks->words) found.doubts.push_back({file, extent});
    for (const std::uint64_t extent : marks->doubtful) found.doubts.push_back({file, extent});
  }

  VolumeNumber volume_;
  const Marks& own_;
  std::map<FileId, std::vector<const ManifestEntry*>> inside_;
};

}  // namespace

Adoption adopt(int root, VolumeNumber number, const std::vector<ManifestEntry>& manifest, const Marks& own) {
  Finder finder{number, manifest, own};
  finder.folder(root_of(number), root, root_of(number));
  return std::move(finder.found);
}

}  // namespace clusteragent::filesync
