#include "agent/data/filesync/salvage/salvage.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/kept_file.hpp"
#include "agent/data/filesync/stream/block_hash.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::filesync {
namespace {

using Json = nlohmann::json;

// The agent's own state lies on the same disk and must never find it full.
constexpr std::uint64_t free_bytes_min = 64 * 1024 * 1024;
constexpr std::chrono::seconds breath_interval{1};

std::string index_line(const SalvagedFile& file) {
  Json xattrs = Json::object();
  for (const auto& [name, value] : file.xattrs) xattrs[escaped(name)] = escaped(value);
  Json line = {{"path", escaped(file.path)}, {"mode", file.mode}, {"owner", file.owner},
               {"group", file.group},        {"size", file.size}, {"modified_ns", file.modified_ns}};
  if (file.device != 0) line["device"] = file.device;
  if (!file.target.empty()) line["target"] = escaped(file.target);
  if (!file.xattrs.empty()) line["xattrs"] = std::move(xattrs);
  if (file.data != 0) line["data"] = file.data;
  if (file.is_whole) line["whole"] = true;
  if (file.is_lost) line["lost"] = true;
  return line.dump();
}

}  // namespace

Salvage::Salvage(SalvageOptions options, SalvageEvents events)
    : options_{std::move(options)}, events_{std::move(events)} {}

Salvage::~Salvage() {
  if (!name_.empty() && !is_over_) write_about("interrupted");
}

void Salvage::begin(std::function<void()> breathe) {
  if (is_over_) return;
  if (!name_.empty()) write_about("interrupted");
  name_.clear();
  set_.reset();
  index_.reset();
  originals_.clear();
  adopted_.clear();
  removed_.clear();
  problem_.clear();
  numbers_ = files_ = bytes_ = 0;
  breathe_ = std::move(breathe);
  breathed_ = platform::boottime_now();
  is_copying_ = true;
}

std::string Salvage::path_of(int node) const {
  for (const SalvagedDirectory& each : options_.directories) {
    const std::string path = backing::path_below(each.root, node);
    if (!path.empty()) return salvage_prefix(each.path, options_.directories.size()) + path;
  }
  return {};
}

SalvagedFile Salvage::facts_of(int node, const struct stat& of) const {
  SalvagedFile facts;
  facts.path = path_of(node);
  facts.mode = of.st_mode;
  facts.owner = of.st_uid;
  facts.group = of.st_gid;
  facts.device = S_ISCHR(of.st_mode) || S_ISBLK(of.st_mode) ? of.st_rdev : 0;
  facts.size = S_ISREG(of.st_mode) ? static_cast<std::uint64_t>(of.st_size) : 0;
  facts.modified_ns = std::int64_t{of.st_mtim.tv_sec} * 1'000'000'000 + of.st_mtim.tv_nsec;
  if (S_ISLNK(of.st_mode)) backing::read_link(node, facts.target);
  if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) {
    backing::Xattrs xattrs;
    backing::all_xattrs(node, xattrs);
    facts.xattrs.insert(xattrs.begin(), xattrs.end());
  }
  return facts;
}

void Salvage::adopted(FileId file, int node) {
  struct stat of {};
  if (!is_copying_ || backing::stat_of(node, of) != 0 || !S_ISREG(of.st_mode)) return;
  originals_[file].facts = facts_of(node, of);
  adopted_.emplace(place_of(of), file);
}

void Salvage::removing(int folder, const std::string& name) {
  if (!is_copying_) return;
  const platform::Fd node = backing::open_node(folder, name);
  if (node) remove_node(node.number());
}

void Salvage::remove_node(int node) {
  struct stat of {};
  if (backing::stat_of(node, of) != 0) return;
  if (const auto known = adopted_.find(place_of(of)); known != adopted_.end())
    return keep(originals_[known->second], node);
  Original gone;
  gone.facts = facts_of(node, of);
  if (S_ISREG(of.st_mode)) {
    // One content, however many names of it go.
    if (const auto former = removed_.find(place_of(of)); former != removed_.end()) {
      gone.facts.data = former->second;
      gone.facts.is_whole = true;
      return write_file(gone.facts);
    }
    keep(gone, node);
    removed_.emplace(place_of(of), gone.facts.data);
    return;
  }
  write_file(gone.facts);
  std::vector<std::string> names;
  if (!S_ISDIR(of.st_mode) || backing::names_in(node, names) != 0) return;
  for (const std::string& each : names) {
    const platform::Fd inner = backing::open_node(node, each);
    if (inner) remove_node(inner.number());
  }
}

void Salvage::resizing(FileId file, int contents, std::uint64_t size) {
  const auto found = originals_.find(file);
  if (!is_copying_ || found == originals_.end() || size >= found->second.facts.size) return;
  changing(found->second, contents, size, found->second.facts.size - size);
}

void Salvage::replaced_name(FileId folder, const std::string& name, ReplicaFiles& files) {
  const auto found = files.find(folder);
  if (found == files.end()) return;
  const ReplicaFile::Ref in = found->second.node();
  if (!*in) return;
  const platform::Fd node = backing::open_node(in->number(), name);
  struct stat of {};
  if (!node || backing::stat_of(node.number(), of) != 0 || of.st_nlink > 1) return;
  // What was made since the copy began is the primary's.
  const auto known = adopted_.find(place_of(of));
  if (known != adopted_.end()) keep(originals_[known->second], node.number());
}

void Salvage::before(const Head& head, std::span<const std::byte> payload, ReplicaFiles& files) {
  if (!is_copying_) return;
  if (head.op == Op::remove) {
    if (const auto name = unpack_name(payload); name && is_file_name(*name))
      replaced_name(FileId{head.offset}, *name, files);
    return;
  }
  if (head.op == Op::rename) {
    const auto names = unpack_names(payload);
    const bool replaces = (head.flags & (RENAME_EXCHANGE | RENAME_NOREPLACE)) == 0;
    if (names && replaces && is_file_name(names->second)) replaced_name(FileId{head.extra}, names->second, files);
    return;
  }
  if (head.op != Op::write && head.op != Op::truncate && head.op != Op::allocate) return;
  const auto found = originals_.find(head.file);
  const auto file = files.find(head.file);
  if (found == originals_.end() || file == files.end()) return;
  const ReplicaFile::Ref opened = file->second.node();
  if (!*opened) return;
  const int node = opened->number();
  if (head.op == Op::write) return changing(found->second, node, head.offset, payload.size());
  if (head.op == Op::truncate) return resizing(head.file, node, head.offset);
  const bool overwrites = (head.flags & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
  const bool moves = (head.flags & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0;
  if (moves) return changing(found->second, node, 0, std::numeric_limits<std::int64_t>::max());
  if (overwrites) changing(found->second, node, head.offset, head.extra);
}

void Salvage::changing(Original& original, int node, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = std::min(original.facts.size, offset + bytes);
  if (bytes == 0 || offset >= end) return;
  if (original.facts.size <= whole_file_bytes_max) return keep(original, node);
  const platform::Fd contents = backing::reopen(node, O_RDONLY);
  if (contents) keep_blocks(original, contents.number(), offset, end - offset);
}

void Salvage::keep(Original& original, int node) {
  SalvagedFile& facts = original.facts;
  if (original.is_saved && facts.is_whole) return;
  const platform::Fd contents = backing::reopen(node, O_RDONLY);
  if (facts.size > whole_file_bytes_max) {
    if (contents) keep_blocks(original, contents.number(), 0, facts.size);
    return;
  }
  original.is_saved = facts.is_whole = true;
  struct stat of {};
  const bool is_readable = contents && ::fstat(contents.number(), &of) == 0;
  if (!is_readable || !make_room(static_cast<std::uint64_t>(of.st_blocks) * 512)) {
    facts.is_lost = true;
    facts.is_whole = false;
    return write_file(facts);
  }
  facts.data = ++numbers_;
  const platform::Fd data = open_data(facts.data, O_CREAT | O_EXCL | O_WRONLY);
  const auto end = static_cast<std::uint64_t>(of.st_size);
  facts.is_lost =
      !data || ::ftruncate(data.number(), of.st_size) != 0 || !keep_range(contents.number(), data.number(), 0, end);
  if (facts.is_lost) fail(fmt::format("cannot keep \"{}\": {}", facts.path, std::strerror(errno)));
  write_file(facts);
}

void Salvage::keep_blocks(Original& original, int contents, std::uint64_t offset, std::uint64_t bytes) {
  SalvagedFile& facts = original.facts;
  if (!original.is_saved) {
    if (!make_room(block_bytes)) return;
    original.is_saved = true;
    original.kept.resize(facts.size / block_bytes + 1);
    facts.data = ++numbers_;
    write_file(facts);
  }
  const platform::Fd data = open_data(facts.data, O_CREAT | O_WRONLY);
  const std::uint64_t last = (offset + bytes - 1) / block_bytes;
  for (std::uint64_t block = offset / block_bytes; block <= last && block < original.kept.size(); ++block) {
    if (original.kept[block]) continue;
    original.kept[block] = true;
    const std::uint64_t begin = block * block_bytes;
    const std::uint64_t end = std::min(begin + block_bytes, facts.size);
    const bool has_room = make_room(end - begin);
    if (has_room && data && keep_range(contents, data.number(), begin, end)) {
      write_line(Json{{"data", facts.data}, {"offset", begin}, {"bytes", end - begin}}.dump());
      continue;
    }
    if (has_room) fail(fmt::format("cannot keep a part of \"{}\": {}", facts.path, std::strerror(errno)));
    // Once: a large file has many blocks.
    if (!std::exchange(facts.is_lost, true)) write_line(Json{{"data", facts.data}, {"lost", true}}.dump());
  }
}

bool Salvage::keep_range(int from, int to, std::uint64_t begin, std::uint64_t end) {
  buffer_.resize(chunk_bytes);
  while (begin < end) {
    const off_t data = ::lseek(from, static_cast<off_t>(begin), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return true;
    if (data < 0) return false;
    begin = std::max(begin, static_cast<std::uint64_t>(data));
    if (begin >= end) return true;
    std::size_t got = 0;
    std::size_t written = 0;
    if (backing::read_at(from, buffer_.data(), std::min<std::uint64_t>(chunk_bytes, end - begin), begin, got) != 0 ||
        backing::write_at(to, std::span{buffer_}.first(got), begin, written) != 0)
      return false;
    if (got == 0) return true;
    begin += got;
    bytes_ += got;
    breathe();
  }
  return true;
}

platform::Fd Salvage::open_data(std::uint64_t number, int flags) const {
  const std::string path = fmt::format("{}/{}", salvage_data_name, number);
  return platform::Fd{::openat(set_.number(), path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)};
}

bool Salvage::open_set() {
  if (!name_.empty()) return static_cast<bool>(index_);
  begun_s_ = std::time(nullptr);
  others_bytes_ = 0;
  for (const SalvageSet& set : salvage_sets(options_.folder)) {
    // Nobody else writes here: what says so was left by a copy that broke off.
    others_bytes_ += set.bytes;
  }
  ::mkdir(options_.folder.c_str(), 0700);
  for (int turn = 1; turn < 100; ++turn) {
    name_ = fmt::format("{:%Y%m%dT%H%M%SZ}{}", fmt::gmtime(begun_s_), turn == 1 ? "" : fmt::format("-{:02}", turn));
    if (::mkdir(set_path().c_str(), 0700) == 0) break;
    if (errno != EEXIST) break;
  }
  set_ = platform::Fd{::open(set_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (set_) {
    ::flock(set_.number(), LOCK_EX | LOCK_NB);
    ::mkdirat(set_.number(), salvage_data_name, 0700);
    index_ = platform::Fd{
        ::openat(set_.number(), salvage_index_name, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
  }
  if (!index_) {
    fail(fmt::format("cannot write in {}: {}", set_path(), std::strerror(errno)));
    return false;
  }
  write_about("writing");
  events_.note('E', fmt::format("what the copy from the primary overwrites on this node is kept in {} ({})", set_path(),
                                options_.why));
  return true;
}

bool Salvage::make_room(std::uint64_t bytes) {
  if (!open_set() || !problem_.empty()) return false;
  breathe();
  while (others_bytes_ + bytes_ + bytes > options_.bytes_max) {
    const auto sets = salvage_sets(options_.folder);
    const auto oldest = std::find_if(sets.begin(), sets.end(), [this](const auto& set) { return set.name != name_; });
    if (oldest == sets.end()) {
      fail(fmt::format("the room of salvage=\"{}\" MB is used up", options_.bytes_max / 1'000'000));
      return false;
    }
    events_.note('C',
                 fmt::format("salvaged data {} ({} MB, {}) gives way to a newer one: salvage=\"{}\" MB are all",
                             oldest->name, oldest->bytes / 1'000'000, oldest->why, options_.bytes_max / 1'000'000));
    if (const Status dropped = drop_salvage_set(options_.folder, oldest->name); !dropped) {
      fail(dropped.error().message);
      return false;
    }
    others_bytes_ -= std::min(others_bytes_, oldest->bytes);
  }
  struct statvfs disk {};
  const bool is_told = ::fstatvfs(set_.number(), &disk) == 0;
  if (is_told && disk.f_bavail * disk.f_frsize < bytes + free_bytes_min) {
    fail(fmt::format("the disk of {} is nearly full", options_.folder));
    return false;
  }
  return true;
}

void Salvage::fail(const std::string& problem) {
  if (!problem_.empty()) return;
  problem_ = problem;
  events_.note('C', fmt::format("not everything that the copy overwrites is kept: {}. The copy goes on; what it "
                                "overwrites from here on is lost",
                                problem));
  if (index_) write_about("writing");
}

void Salvage::write_line(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t done = 0;
  while (index_ && done < text.size()) {
    const ssize_t got = ::write(index_.number(), text.data() + done, text.size() - done);
    if (got < 0) return fail(fmt::format("cannot write {}: {}", set_path(), std::strerror(errno)));
    done += static_cast<std::size_t>(got);
  }
}

void Salvage::write_file(const SalvagedFile& file) {
  if (!open_set()) return;
  files_++;
  write_line(index_line(file));
}

void Salvage::write_about(const char* state) {
  Json directories = Json::array();
  for (const SalvagedDirectory& each : options_.directories) directories.push_back(escaped(each.path));
  const Json about = {{"state", state},      {"why", options_.why},
                      {"files", files_},     {"directories", std::move(directories)},
                      {"begun_s", begun_s_}, {"problem", problem_}};
  const Status kept =
      keep_file(set_path(), salvage_about_name, about.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!kept) fail(kept.error().message);
}

void Salvage::breathe() {
  if (!breathe_ || platform::boottime_now() - breathed_ < breath_interval) return;
  breathed_ = platform::boottime_now();
  breathe_();
}

void Salvage::end() {
  if (!is_copying_) return;
  is_copying_ = false;
  is_over_ = true;
  if (!name_.empty()) {
    ::syncfs(set_.number());
    write_about(problem_.empty() ? "complete" : "incomplete");
    events_.note('C',
                 fmt::format("what this node had of its own is kept: {} files, {} MB in {}. See them: clusteragent "
                             "salvage show {}",
                             files_, bytes_ / 1'000'000, set_path(), name_));
    set_.reset();
  }
  originals_.clear();
  adopted_.clear();
  removed_.clear();
  events_.over();
}

}  // namespace clusteragent::filesync
