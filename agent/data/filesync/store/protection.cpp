#include "agent/data/filesync/store/protection.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {
namespace {

struct Mount {
  std::string parent;
  std::string device;
  std::string root;
  std::string point;
  std::string options;
};

/// Blanks and line ends stand as \040 and the like.
std::string plain(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0'));
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

std::string joined(const std::string& above, const std::string& below) {
  return above == "/" ? below : above + below;
}

std::string mount_table() {
  std::ifstream file{"/proc/self/mountinfo", std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

Error failure(const char* what, const std::string& directory) {
  return Error{ErrorCode::system, fmt::format("cannot {} {}: {}", what, directory, std::strerror(errno))};
}

}  // namespace

bool is_protection(const std::string& mountinfo, const std::string& directory) {
  std::map<std::string, Mount> all;
  const Mount* last = nullptr;
  std::istringstream lines{mountinfo};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string number;
    Mount mount;
    fields >> number >> mount.parent >> mount.device >> mount.root >> mount.point >> mount.options;
    mount.root = plain(mount.root);
    mount.point = plain(mount.point);
    const Mount& kept = all[number] = mount;
    if (mount.point == directory) last = &kept;
  }
  if (last == nullptr || !(last->options + ",").starts_with("ro,")) return false;
  const auto above = all.find(last->parent);
  if (above == all.end() || above->second.device != last->device) return false;
  const Mount& parent = above->second;
  if (parent.point == directory) return parent.root == last->root;
  const std::string below = parent.point == "/" ? directory : directory.substr(parent.point.size());
  return joined(parent.root, below) == last->root;
}

Status protect_directory(const std::string& directory) {
  if (is_protection(mount_table(), directory)) return success();
  const platform::Fd copy{::open_tree(AT_FDCWD, directory.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  attributes.propagation = MS_PRIVATE;
  // Read-only before anybody sees it.
  if (!copy || ::mount_setattr(copy.number(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0 ||
      ::move_mount(copy.number(), "", AT_FDCWD, directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return failure("protect", directory);
  return success();
}

Status unprotect_directory(const std::string& directory) {
  while (is_protection(mount_table(), directory)) {
    // What somebody holds in it lives on without a name and read-only.
    if (::umount2(directory.c_str(), MNT_DETACH) != 0) return failure("take the protection from", directory);
  }
  return success();
}

}  // namespace clusteragent::filesync
