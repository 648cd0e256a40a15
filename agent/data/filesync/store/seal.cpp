#include "agent/data/filesync/store/seal.hpp"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/wire/packer.hpp"

namespace clusteragent::filesync {
namespace {

using Visit = std::function<void(const std::string&, const struct stat&)>;

std::int64_t changed_ns(const struct stat& of) {
  return std::int64_t{of.st_ctim.tv_sec} * 1'000'000'000 + of.st_ctim.tv_nsec;
}

void walk(int folder, const std::string& path, const Visit& visit) {
  std::vector<std::string> names;
  backing::names_in(folder, names);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    struct stat of {};
    if (::fstatat(folder, name.c_str(), &of, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const std::string inner = path.empty() ? name : path + "/" + name;
    visit(inner, of);
    if (!S_ISDIR(of.st_mode)) continue;
    const platform::Fd node{::openat(folder, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (node) walk(node.number(), inner, visit);
  }
}

void add(Seal& seal, const std::string& path, const struct stat& of) {
  Packer facts;
  facts.text(path).number(of.st_ino).number(changed_ns(of)).number(of.st_mode);
  if (!S_ISDIR(of.st_mode)) facts.number(of.st_size);
  seal.entries++;
  seal.newest_ns = std::max(seal.newest_ns, changed_ns(of));
  seal.sum += XXH3_64bits(facts.bytes().data(), facts.bytes().size());
}

void visit_all(int root, const Visit& visit) {
  struct stat of {};
  if (::fstat(root, &of) == 0) visit(".", of);
  walk(root, "", visit);
}

}  // namespace

Seal seal_of(int root) {
  Seal seal;
  visit_all(root, [&seal](const std::string& path, const struct stat& of) { add(seal, path, of); });
  return seal;
}

std::optional<Tampering> tampering_since(int root, const Seal& seal) {
  Seal now;
  Tampering found;
  visit_all(root, [&](const std::string& path, const struct stat& of) {
    add(now, path, of);
    if (changed_ns(of) <= seal.newest_ns) return;
    if (++found.count <= tampered_paths_max) found.first.push_back(path);
  });
  if (now == seal) return std::nullopt;
  return found;
}

std::string text_of(const Seal& seal) {
  std::ostringstream text;
  text << "1 " << seal.entries << ' ' << seal.newest_ns << ' ' << seal.sum << '\n';
  return text.str();
}

std::optional<Seal> seal_from(const std::string& text) {
  std::istringstream from{text};
  int version = 0;
  Seal seal;
  from >> version >> seal.entries >> seal.newest_ns >> seal.sum;
  return from && version == 1 ? std::optional{seal} : std::nullopt;
}

}  // namespace clusteragent::filesync
