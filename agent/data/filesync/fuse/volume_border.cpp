// The border between what is replicated and what each node keeps for itself. A file's side follows from its path, and
// what would move it to the other side is refused, so that a side once found stays true.
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "agent/data/filesync/fuse/volume.hpp"
#include "agent/data/filesync/store/backing.hpp"

namespace clusteragent::filesync::fuse {
namespace {

std::string path_now(int node) {
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink(backing::path_of(node).c_str(), path.data(), path.size());
  path.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return path;
}

}  // namespace

std::string Volume::path_in(const Node& folder, const std::string& name) const {
  const std::string path = path_now(folder.path.number());
  const std::size_t root = path_now(nodes_.root_path()).size();
  return path.size() > root ? path.substr(root + 1) + "/" + name : name;
}

bool Volume::is_local(const Node& folder, const std::string& name, bool is_folder) const {
  if (exclusion_.is_empty()) return false;
  return folder.is_local || exclusion_.excludes(path_in(folder, name), is_folder);
}

bool Volume::is_local_now(const Node& folder, const std::string& name) const {
  if (exclusion_.is_empty()) return false;
  const platform::Fd node = backing::open_node(folder.path.number(), name);
  struct stat of {};
  return node && backing::stat_of(node.number(), of) == 0 && is_local(folder, name, S_ISDIR(of.st_mode));
}

bool Volume::changes_side(int node, const std::string& from, const std::string& to, bool is_folder) const {
  const bool is_out = exclusion_.excludes(from, is_folder);
  if (is_out != exclusion_.excludes(to, is_folder)) return true;
  if (is_out || !is_folder) return false;
  std::vector<std::string> names;
  if (backing::names_in(node, names) != 0) return true;
  for (const std::string& name : names) {
    const platform::Fd inner = backing::open_node(node, name);
    struct stat of {};
    if (!inner || backing::stat_of(inner.number(), of) != 0) return true;
    if (changes_side(inner.number(), from + "/" + name, to + "/" + name, S_ISDIR(of.st_mode))) return true;
  }
  return false;
}

int Volume::may_rename(const Node& from, const std::string& name, const Node& to, const std::string& new_name) const {
  if (exclusion_.is_empty()) return 0;
  const platform::Fd node = backing::open_node(from.path.number(), name);
  struct stat of {};
  if (!node || backing::stat_of(node.number(), of) != 0) return errno;
  return changes_side(node.number(), path_in(from, name), path_in(to, new_name), S_ISDIR(of.st_mode)) ? EXDEV : 0;
}

}  // namespace clusteragent::filesync::fuse
