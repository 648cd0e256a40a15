#include "agent/data/filesync/replica/checker.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"
#include "agent/data/filesync/stream/block_hash.hpp"
#include "agent/data/filesync/stream/verify_bounds.hpp"

namespace clusteragent::filesync {
namespace {

const std::string malformed = "a question of the verification is malformed";
constexpr mode_t permission_bits = 07777;
// An answer stays far below payload_bytes_max; what is beyond them is counted.
constexpr std::size_t faulty_names_max = 1000;

bool is_same_set(backing::Xattrs one, backing::Xattrs other) {
  std::sort(one.begin(), one.end());
  std::sort(other.begin(), other.end());
  return one == other;
}

std::uint8_t faults_of(int node, const ManifestEntry& there, std::uint64_t links) {
  struct stat of {};
  if (backing::stat_of(node, of) != 0) return fault_missing;
  const NewFile& made = there.made;
  if (((of.st_mode ^ made.mode) & S_IFMT) != 0) return fault_kind;
  std::uint8_t faults = 0;
  const auto mark = [&faults](EntryFault fault, bool is_faulty) {
    if (is_faulty) faults = static_cast<std::uint8_t>(faults | fault);
  };
  mark(fault_owner, of.st_uid != made.owner || of.st_gid != made.group);
  mark(fault_mode, !S_ISLNK(of.st_mode) && ((of.st_mode ^ made.mode) & permission_bits) != 0);
  mark(fault_size, S_ISREG(of.st_mode) && static_cast<std::uint64_t>(of.st_size) != there.size);
  // How a file system counts the links of a folder is its own affair.
  mark(fault_links, !S_ISDIR(of.st_mode) && of.st_nlink != links);
  if (S_ISLNK(of.st_mode)) {
    std::string target;
    mark(fault_kind, backing::read_link(node, target) != 0 || target != made.target);
  } else if (S_ISREG(of.st_mode) || S_ISDIR(of.st_mode)) {
    backing::Xattrs here;
    mark(fault_xattrs, backing::all_xattrs(node, here) != 0 || !is_same_set(here, there.xattrs));
  } else {
    mark(fault_kind, of.st_rdev != made.device);
  }
  return faults;
}

}  // namespace

bool Checker::knows(Op op) {
  return op >= Op::verify_names && op <= Op::repair_extra;
}

std::string Checker::handle(const Head& head, std::span<const std::byte> payload) {
  switch (head.op) {
    case Op::verify_names:
      return check_names(head, payload);
    case Op::verify_entry:
      return check_entry(head, payload);
    case Op::verify_data:
      return check_data(head, payload);
    default:
      return repair(head, payload);
  }
}

void Checker::reply(const Head& head, std::span<const std::byte> payload) {
  answer_({.op = Op::verified, .file = head.file, .offset = head.offset, .extra = head.extra}, payload);
}

std::string Checker::check_names(const Head& head, std::span<const std::byte> payload) {
  auto names = unpack_verified_names(payload);
  if (!names) return malformed;
  for (VerifiedName& each : *names) names_.emplace(std::move(each.name), each.file);
  if (head.flags != 0) return {};
  const auto folder = files_.find(head.file);
  NamesAnswer answer;
  if (folder != files_.end()) {
    const ReplicaFile::Ref node = folder->second.node();
    answer = compare_folder(directories_[volume_of(folder->first)], node->number());
  }
  names_.clear();
  reply(head, pack(answer).bytes());
  return {};
}

bool Checker::is_excluded(const Directory& directory, int folder, const std::string& name) {
  if (directory.exclusion->is_empty()) return false;
  struct stat of {};
  if (::fstatat(folder, name.c_str(), &of, AT_SYMLINK_NOFOLLOW) != 0) return false;
  const std::string path = backing::path_below(directory.root, folder);
  return directory.exclusion->excludes(path.empty() ? name : path + "/" + name, S_ISDIR(of.st_mode));
}

NamesAnswer Checker::compare_folder(const Directory& directory, int folder) const {
  NamesAnswer answer;
  const auto tell = [&answer](NameFault fault, const std::string& name) {
    if (++answer.count <= faulty_names_max) answer.first.push_back({fault, name});
  };
  std::map<std::string, ino_t> here;
  if (backing::inodes_in(folder, here) != 0) here.clear();
  for (const auto& [name, file] : names_) {
    const auto found = here.find(name);
    if (found == here.end()) {
      tell(NameFault::missing, name);
      continue;
    }
    struct stat of {};
    const auto known = files_.find(file);
    const ReplicaFile::Ref node = known == files_.end() ? nullptr : known->second.node();
    const bool is_known = node && *node && backing::stat_of(node->number(), of) == 0;
    if (!is_known || of.st_ino != found->second) tell(NameFault::other_file, name);
  }
  for (const auto& [name, inode] : here) {
    if (!names_.contains(name) && !is_excluded(directory, folder, name)) tell(NameFault::extra, name);
  }
  return answer;
}

std::string Checker::check_entry(const Head& head, std::span<const std::byte> payload) {
  const auto entry = unpack_manifest_entry(payload);
  if (!entry) return malformed;
  const auto file = files_.find(head.file);
  std::uint8_t faults = fault_missing;
  if (file != files_.end()) {
    const ReplicaFile::Ref node = file->second.node();
    if (*node) faults = faults_of(node->number(), *entry, head.extra);
  }
  Packer answer;
  reply(head, answer.number(faults).bytes());
  return {};
}

std::string Checker::check_data(const Head& head, std::span<const std::byte> payload) {
  const std::size_t blocks = payload.size() / sizeof(BlockHash);
  const bool is_sane = payload.empty()
                           ? head.extra <= verify_zeros_bytes_max
                           : head.extra <= verify_chunk_bytes && blocks == (head.extra + block_bytes - 1) / block_bytes;
  if (!is_sane) return malformed;
  const auto found = files_.find(head.file);
  const ReplicaFile::Ref contents = found == files_.end() ? nullptr : found->second.contents();
  const int file = contents ? contents->number() : -1;
  Packer answer;
  // That a file is missing is told where its name is compared.
  if (file >= 0) {
    for (const std::uint32_t block :
         payload.empty() ? blocks_not_zero(head, file) : blocks_not_equal(head, file, payload))
      answer.number(block);
  }
  reply(head, answer.bytes());
  return {};
}

std::vector<std::uint32_t> Checker::blocks_not_equal(const Head& head, int file, std::span<const std::byte> hashes) {
  std::vector<std::uint32_t> unequal;
  buffer_.resize(verify_chunk_bytes);
  std::size_t got = 0;
  backing::read_at(file, buffer_.data(), head.extra, head.offset, got);
  // The next question is about what follows: the stream waits for this thread while it waits for the disk.
  ::posix_fadvise(file, static_cast<off_t>(head.offset + head.extra), verify_chunk_bytes, POSIX_FADV_WILLNEED);
  for (std::size_t at = 0; at < head.extra; at += block_bytes) {
    const std::size_t size = std::min<std::size_t>(block_bytes, head.extra - at);
    BlockHash there{};
    std::memcpy(&there, hashes.data() + at / block_bytes * sizeof there, sizeof there);
    const bool is_whole = at + size <= got;
    if (!is_whole || XXH128_isEqual(hash_of(std::span{buffer_}.subspan(at, size)), there) == 0)
      unequal.push_back(static_cast<std::uint32_t>(at / block_bytes));
  }
  return unequal;
}

std::vector<std::uint32_t> Checker::blocks_not_zero(const Head& head, int file) {
  std::vector<std::uint32_t> unequal;
  buffer_.resize(verify_chunk_bytes);
  const std::uint64_t end = head.offset + head.extra;
  for (std::uint64_t at = head.offset; at < end;) {
    const off_t data = ::lseek(file, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 || static_cast<std::uint64_t>(data) >= end) break;
    const std::uint64_t block = (static_cast<std::uint64_t>(data) - head.offset) / block_bytes;
    at = head.offset + block * block_bytes;
    std::size_t got = 0;
    backing::read_at(file, buffer_.data(), std::min<std::uint64_t>(block_bytes, end - at), at, got);
    const auto begin = buffer_.begin();
    if (std::any_of(begin, begin + static_cast<std::ptrdiff_t>(got),
                    [](std::byte each) { return each != std::byte{}; }))
      unequal.push_back(static_cast<std::uint32_t>(block));
    at += block_bytes;
  }
  return unequal;
}

std::string Checker::repair(const Head& head, std::span<const std::byte> payload) {
  const auto found = files_.find(head.file);
  // Removed meanwhile: there is nothing left to repair.
  if (found == files_.end()) return {};
  const ReplicaFile::Ref node = found->second.node();
  if (!*node) return errno == ESTALE ? std::string{} : fmt::format("cannot repair: {}", error_text(errno));
  int error = 0;
  std::string name;
  if (head.op == Op::repair_extra) {
    const auto extra = unpack_name(payload);
    if (!extra || !is_file_name(*extra)) return malformed;
    name = *extra;
    error = backing::remove_tree(node->number(), name);
    if (error == ENOENT) error = 0;
  } else {
    const auto entry = unpack_manifest_entry(payload);
    if (!entry) return malformed;
    name = entry->made.name;
    error = head.op == Op::repair_name ? make_name_equal(node->number(), *entry, files_)
                                       : make_entry_equal(found->second, *entry, files_);
  }
  return error == 0 ? std::string{} : fmt::format("cannot repair \"{}\": {}", name, std::strerror(error));
}

}  // namespace clusteragent::filesync
