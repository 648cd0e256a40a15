#include "agent/data/filesync/store/history_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {
namespace {

constexpr const char* version = "clusteragent-history-1";
constexpr std::size_t file_bytes_max = 16384;  // 255 directories

Error failure(const std::string& what, const std::string& path) {
  return Error{ErrorCode::system, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

std::string sealed(const HistoryRecord& record, const std::string& identity) {
  const Standing& of = record.standing;
  const std::string text =
      fmt::format("{} {} {:016x} {:016x} {:016x} {:016x} {:016x} {}", version, of.has_led ? "led" : "followed",
                  of.history.high, of.history.low, of.parent.high, of.parent.low, record.closed_ns, identity);
  return fmt::format("{} {:016x}\n", text, XXH3_64bits(text.data(), text.size()));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char each : text) {
    if (each == ' ')
      words.emplace_back();
    else
      words.back() += each;
  }
  return words;
}

std::uint64_t number_of(const std::string& hexadecimal) {
  std::uint64_t number = 0;
  std::from_chars(hexadecimal.data(), hexadecimal.data() + hexadecimal.size(), number, 16);
  return number;
}

Status sync_folder(const std::string& path) {
  const platform::Fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return folder && ::fsync(folder.number()) == 0 ? success() : Status{failure("write", path)};
}

class ChangeFinder {
 public:
  ChangeFinder(const Exclusion& exclusion, std::int64_t closed_ns) : exclusion_{exclusion}, closed_ns_{closed_ns} {}

  void look_at(int node, const std::string& path) {
    struct stat of {};
    if (backing::stat_of(node, of) != 0) return tell(path);
    if (!path.empty() && exclusion_.excludes(path, S_ISDIR(of.st_mode))) return;
    if (of.st_ctim.tv_sec * std::int64_t{1'000'000'000} + of.st_ctim.tv_nsec > closed_ns_) tell(path);
    std::vector<std::string> names;
    if (!S_ISDIR(of.st_mode)) return;
    if (backing::names_in(node, names) != 0) return tell(path);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string inside = path.empty() ? name : path + "/" + name;
      const platform::Fd inner = backing::open_node(node, name);
      if (!inner) {
        tell(inside);
        continue;
      }
      look_at(inner.number(), inside);
    }
  }

  Changes found;

 private:
  void tell(const std::string& path) {
    if (++found.count <= changes_told_max) found.first.push_back(path.empty() ? "." : path);
  }

  const Exclusion& exclusion_;
  std::int64_t closed_ns_;
};

}  // namespace

std::string identity_of(int root) {
  struct statx of {};
  if (::statx(root, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &of) != 0) return "unknown";
  return fmt::format("{}:{}.{}", of.stx_ino, of.stx_btime.tv_sec, of.stx_btime.tv_nsec);
}

Changes changes_since(const Directory& directory, std::int64_t closed_ns) {
  ChangeFinder finder{*directory.exclusion, closed_ns};
  finder.look_at(directory.root, "");
  return std::move(finder.found);
}

HistoryRecord HistoryFile::read(const std::string& identity) const {
  const platform::Fd file{::open(path().c_str(), O_RDONLY | O_CLOEXEC)};
  std::string text(file_bytes_max, '\0');
  const ssize_t size = file ? ::read(file.number(), text.data(), text.size()) : -1;
  if (size <= 0) return {};
  text.resize(static_cast<std::size_t>(size));
  const std::vector<std::string> words = words_of(text);
  if (words.size() != 9) return {};
  const Standing standing{
      words[1] == "led", {number_of(words[2]), number_of(words[3])}, {number_of(words[4]), number_of(words[5])}};
  const HistoryRecord found{standing, static_cast<std::int64_t>(number_of(words[6]))};
  // Written once more, it must be the same to the last character.
  return sealed(found, identity) == text ? found : HistoryRecord{};
}

Status HistoryFile::write(const HistoryRecord& record, const std::string& identity) const {
  ::mkdir(folder_.c_str(), 0750);
  const std::string text = sealed(record, identity);
  const std::string draft = path() + ".new";
  const platform::Fd file{::open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640)};
  const auto size = static_cast<ssize_t>(text.size());
  if (!file || ::write(file.number(), text.data(), text.size()) != size || ::fsync(file.number()) != 0)
    return failure("write", draft);
  if (::rename(draft.c_str(), path().c_str()) != 0) return failure("write", path());
  return sync_folder(folder_);
}

Status HistoryFile::forget() const {
  if (::unlink(path().c_str()) != 0) return errno == ENOENT ? success() : Status{failure("remove", path())};
  return sync_folder(folder_);
}

}  // namespace clusteragent::filesync
