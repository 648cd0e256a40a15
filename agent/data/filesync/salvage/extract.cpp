#include "agent/data/filesync/salvage/extract.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "agent/data/filesync/salvage/salvage_sets.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/block_hash.hpp"

namespace clusteragent::filesync {
namespace {

using platform::Fd;

Error failure(const std::string& what, const std::string& path, int error) {
  return Error{ErrorCode::system, fmt::format("cannot {} {}: {}", what, path, std::strerror(error))};
}

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> whole{::realpath(path.c_str(), nullptr), &std::free};
  return whole ? std::string{whole.get()} : std::string{};
}

bool is_inside(const std::string& path, const std::string& directory) {
  return !directory.empty() && (path + "/").starts_with(directory + "/");
}

/// One step after the other, none of them through a symbolic link.
Fd open_folder(int root, const std::string& path, bool makes) {
  Fd here{::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  for (std::size_t begin = 0; here && begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (makes && ::mkdirat(here.number(), name.c_str(), 0755) != 0 && errno != EEXIST) return Fd{};
    here = Fd{::openat(here.number(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    begin = end + 1;
  }
  return here;
}

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::pair{std::string{}, path}
                                    : std::pair{path.substr(0, slash), path.substr(slash + 1)};
}

int copy_range(int from, int to, std::uint64_t begin, std::uint64_t end) {
  std::vector<std::byte> buffer(chunk_bytes);
  while (begin < end) {
    const off_t data = ::lseek(from, static_cast<off_t>(begin), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? 0 : errno;
    begin = std::max(begin, static_cast<std::uint64_t>(data));
    if (begin >= end) return 0;
    std::size_t got = 0;
    std::size_t written = 0;
    const auto bytes = std::min<std::uint64_t>(buffer.size(), end - begin);
    if (const int error = backing::read_at(from, buffer.data(), bytes, begin, got); error != 0) return error;
    if (got == 0) return 0;
    if (const int error = backing::write_at(to, std::span{buffer}.first(got), begin, written); error != 0) return error;
    begin += got;
  }
  return 0;
}

class Extraction {
 public:
  Extraction(const ExtractWish& wish, Fd target) : wish_{wish}, target_{std::move(target)} {}

  Result<Extracted> run(const std::vector<SalvagedFile>& files) {
    set_ = Fd{::open(wish_.set.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    for (const std::string& each : wish_.directories) {
      present_.push_back(
          {salvage_prefix(each, wish_.directories.size()), Fd{::open(each.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}});
    }
    for (const SalvagedFile& file : files) {
      const bool is_wanted = wish_.path.empty() || file.path == wish_.path || is_inside(file.path, wish_.path);
      if (!is_wanted) continue;
      if (const Status done = take(file); !done) return done.error();
      done_.files++;
    }
    // Folders last: what was put into them has changed their times.
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
      if (S_ISDIR(file->mode)) set_times(*file);
    }
    if (done_.files == 0) {
      return Error{ErrorCode::usage,
                   fmt::format("nothing in {} has the path \"{}\": clusteragent salvage show lists them", wish_.set,
                               escaped(wish_.path))};
    }
    return std::move(done_);
  }

 private:
  Status take(const SalvagedFile& file) {
    const auto [folder_path, name] = split(file.path);
    const Fd folder = open_folder(target_.number(), folder_path, true);
    if (!folder) return failure("make", wish_.target + "/" + folder_path, errno);
    Fd node = backing::open_node(folder.number(), name);
    struct stat of {};
    const bool keeps = node && backing::stat_of(node.number(), of) == 0 && S_ISDIR(of.st_mode) && S_ISDIR(file.mode);
    if (node && !keeps) {
      if (const int error = backing::remove_tree(folder.number(), name); error != 0)
        return failure("replace", file.path, error);
    }
    if (!keeps) {
      const NewFile made{name, file.mode, file.owner, file.group, file.device, file.target};
      if (const int error = backing::make(folder.number(), made); error != 0) return failure("make", file.path, error);
      node = backing::open_node(folder.number(), name);
      if (!node) return failure("open", file.path, errno);
    }
    if (S_ISREG(file.mode)) {
      if (const int error = fill(file, node.number()); error != 0) return failure("write", file.path, error);
      // The system takes these bits away from a file that is written.
      if (const int error = backing::set_mode(node.number(), file.mode); error != 0)
        return failure("set the mode of", file.path, error);
    }
    for (const auto& [key, value] : file.xattrs) {
      if (const int error = backing::set_xattr(node.number(), key, value, 0); error != 0)
        return failure("set " + key + " of", file.path, error);
    }
    set_times(node.number(), file);
    return success();
  }

  int fill(const SalvagedFile& file, int node) {
    const Fd to = backing::reopen(node, O_WRONLY);
    if (!to) return errno;
    if (file.is_lost) done_.lost.push_back(file.path);
    const std::string data_path = fmt::format("{}/{}", salvage_data_name, file.data);
    const Fd data{file.data == 0 ? -1 : ::openat(set_.number(), data_path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file.is_whole) {
      if (const int error = copy_present(file, to.number()); error != 0) return error;
    }
    if (::ftruncate(to.number(), static_cast<off_t>(file.size)) != 0) return errno;
    if (!data) return file.data == 0 ? 0 : errno;
    if (file.is_whole) return copy_range(data.number(), to.number(), 0, file.size);
    for (const SalvagedRange& range : file.ranges) {
      if (range.offset >= file.size) continue;
      const std::uint64_t bytes = std::min(range.bytes, file.size - range.offset);
      // A hole among what was kept is zeros, whatever the present file has there.
      if (::fallocate(to.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                      static_cast<off_t>(bytes)) != 0)
        return errno;
      if (const int error = copy_range(data.number(), to.number(), range.offset, range.offset + bytes); error != 0)
        return error;
    }
    return 0;
  }

  int copy_present(const SalvagedFile& file, int to) {
    const auto own = std::find_if(present_.begin(), present_.end(),
                                  [&file](const auto& each) { return file.path.starts_with(each.prefix); });
    const std::string below = own == present_.end() ? std::string{} : file.path.substr(own->prefix.size());
    const auto [folder_path, name] = split(below);
    const Fd folder = own == present_.end() || !own->root ? Fd{} : open_folder(own->root.number(), folder_path, false);
    const Fd present{folder ? ::openat(folder.number(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                            : -1};
    struct stat of {};
    if (!present || ::fstat(present.number(), &of) != 0 || !S_ISREG(of.st_mode)) {
      if (!file.is_lost) done_.lost.push_back(file.path);
      return 0;
    }
    done_.laid_over.push_back(file.path);
    return copy_range(present.number(), to, 0, std::min(file.size, static_cast<std::uint64_t>(of.st_size)));
  }

  void set_times(const SalvagedFile& file) {
    const auto [folder_path, name] = split(file.path);
    const Fd folder = open_folder(target_.number(), folder_path, false);
    const Fd node = folder ? backing::open_node(folder.number(), name) : Fd{};
    if (node) set_times(node.number(), file);
  }

  static void set_times(int node, const SalvagedFile& file) {
    constexpr std::int64_t second = 1'000'000'000;
    const timespec modified{file.modified_ns / second, file.modified_ns % second};
    backing::set_times(node, modified, modified);
  }

  const ExtractWish& wish_;
  Fd target_;
  Fd set_;
  struct Present {
    std::string prefix;
    Fd root;
  };
  std::vector<Present> present_;
  Extracted done_;
};

}  // namespace

Result<Extracted> extract_salvage(const ExtractWish& wish) {
  auto files = salvaged_files(wish.set);
  if (!files) return files.error();
  // Before anything is made: a folder made in there would be one too many.
  const std::size_t slash = wish.target.find_last_not_of('/') == std::string::npos
                                ? std::string::npos
                                : wish.target.rfind('/', wish.target.find_last_not_of('/'));
  const std::string parent = slash == std::string::npos ? "." : wish.target.substr(0, slash + 1);
  const std::string target_place = resolved(wish.target);
  const std::string parent_place = resolved(parent);
  for (const std::string& each : wish.directories) {
    const std::string directory = resolved(each);
    if (is_inside(target_place, directory) || is_inside(parent_place, directory)) {
      return Error{ErrorCode::refused,
                   fmt::format("{} is inside the replicated directory {}: extract elsewhere, compare, and copy what is "
                               "needed into the application",
                               wish.target, each)};
    }
  }
  if (::mkdir(wish.target.c_str(), 0700) != 0 && errno != EEXIST) return failure("make", wish.target, errno);
  Fd target{::open(wish.target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!target) return failure("open", wish.target, errno);
  std::vector<std::string> names;
  if (const int error = backing::names_in(target.number(), names); error != 0)
    return failure("read", wish.target, error);
  if (!names.empty() && !wish.replaces) {
    return Error{
        ErrorCode::refused,
        fmt::format("{} is not empty: name another directory, or say --replace to overwrite in it", wish.target)};
  }
  return Extraction{wish, std::move(target)}.run(*files);
}

}  // namespace clusteragent::filesync
