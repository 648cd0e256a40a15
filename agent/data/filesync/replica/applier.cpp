#include "agent/data/filesync/replica/applier.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "agent/data/filesync/salvage/salvage.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/block_hash.hpp"

namespace clusteragent::filesync {
namespace {

// A payload of 1 MiB.
constexpr std::size_t doubts_a_frame = 65536;
const std::string malformed = "an operation of the stream is malformed";

std::string told(const char* what, const std::string& name, int error) {
  return error == 0 ? std::string{} : fmt::format("{} \"{}\": {}", what, name, error_text(error));
}

std::string told(const char* what, int error) {
  return error == 0 ? std::string{} : fmt::format("{}: {}", what, error_text(error));
}

}  // namespace

std::string Applier::apply(const Head& head, std::span<const std::byte> payload) {
  const Duty duty = intake_.duty_of(head.op, head.sequence);
  if (duty == Duty::refuse) return "the stream has a gap";
  std::string problem = duty == Duty::begin_copy ? begin_manifest(head)
                        : duty == Duty::end_copy ? end_copy(head)
                                                 : dispatch(head, payload);
  if (problem.empty()) intake_.done(head.op);
  return problem;
}

std::string Applier::dispatch(const Head& head, std::span<const std::byte> payload) {
  if (duties_.salvage != nullptr) duties_.salvage->before(head, payload, files_);
  if (Checker::knows(head.op)) return checker_.handle(head, payload);
  switch (head.op) {
    case Op::create:
    case Op::create_unnamed:
    case Op::link:
    case Op::remove:
    case Op::rename:
      return apply_name(head, payload);
    case Op::manifest_entry:
      return add_to_manifest(head, payload);
    case Op::manifest_end:
      return end_manifest();
    case Op::checkpoint:
      duties_.flush(head.sequence);
      return {};
    case Op::hashes:
      return compare(head, payload);
    case Op::drop:
      files_.erase(head.file);
      return {};
    default:
      return apply_data(head, payload);
  }
}

std::string Applier::create(const Head& head, std::span<const std::byte> payload) {
  const auto folder = files_.find(FileId{head.offset});
  const bool is_unnamed = head.op == Op::create_unnamed;
  const auto file = is_unnamed ? unpack_unnamed_file(payload) : unpack_new_file(payload);
  if (!file || folder == files_.end()) return malformed;
  const ReplicaFile::Ref into = folder->second.node();
  if (!*into) return told("cannot open the folder of", file->name, errno);
  if (is_unnamed) {
    platform::Fd unnamed = backing::make_unnamed(into->number(), *file);
    if (!unnamed) return told("cannot make a file without a name", errno);
    return told("cannot keep a file without a name", files_.put_unnamed(head.file, std::move(unnamed)));
  }
  if (const int error = backing::make(into->number(), *file); error != 0) return told("cannot make", file->name, error);
  platform::Fd node = backing::open_node(into->number(), file->name);
  if (!node) return told("cannot open", file->name, errno);
  return told("cannot keep", file->name, files_.put(head.file, std::move(node)));
}

std::string Applier::apply_name(const Head& head, std::span<const std::byte> payload) {
  if (head.op == Op::create || head.op == Op::create_unnamed) return create(head, payload);
  const auto folder = files_.find(FileId{head.offset});
  if (folder == files_.end()) return malformed;
  const ReplicaFile::Ref opened = folder->second.node();
  if (!*opened) return told("cannot open a folder", errno);
  const int here = opened->number();
  if (head.op == Op::rename) return rename(head, here, payload);
  const auto name = unpack_name(payload);
  if (!name || !is_file_name(*name)) return malformed;
  if (head.op == Op::remove) {
    const int error = backing::remove(here, *name, head.flags != 0);
    return clears(error, folder->first, here, *name) ? std::string{} : told("cannot remove", *name, error);
  }
  const auto file = files_.find(head.file);
  if (file == files_.end())
    return fmt::format("\"{}\" is the first name of a file that had none when the copy began; the next copy has it",
                       *name);
  const ReplicaFile::Ref node = file->second.node();
  const int error = *node ? backing::link(node->number(), here, *name) : errno;
  if (error == 0) files_.name(head.file);
  return told("cannot link", *name, error);
}

std::string Applier::rename(const Head& head, int from, std::span<const std::byte> payload) {
  const auto names = unpack_names(payload);
  const auto to = files_.find(FileId{head.extra});
  if (!names || to == files_.end() || !is_file_name(names->first) || !is_file_name(names->second)) return malformed;
  const ReplicaFile::Ref opened = to->second.node();
  if (!*opened) return told("cannot open the folder of", names->second, errno);
  const int into = opened->number();
  int error = backing::rename(from, names->first, into, names->second, head.flags);
  if (clears(error, to->first, into, names->second))
    error = backing::rename(from, names->first, into, names->second, head.flags);
  return told("cannot rename", names->first, error);
}

bool Applier::clears(int error, FileId folder, int node, const std::string& name) const {
  return error == ENOTEMPTY && !directories_[volume_of(folder)].exclusion->is_empty() &&
         backing::remove_tree(node, name) == 0;
}

std::string Applier::apply_data(const Head& head, std::span<const std::byte> payload) {
  const auto found = files_.find(head.file);
  // Open on the primary, and without a name since before the copy began: nobody can ever ask for it here.
  if (found == files_.end()) return {};
  const ReplicaFile& file = found->second;
  const bool is_contents = head.op == Op::write || head.op == Op::truncate || head.op == Op::allocate;
  const ReplicaFile::Ref opened = is_contents ? file.contents() : file.node();
  // Its last name is gone, and nobody can ask for what the primary still does with it.
  if (!*opened && errno == ESTALE) return {};
  if (!*opened) return told("cannot open a file", errno);
  const int node = opened->number();
  switch (head.op) {
    case Op::attributes: {
      const auto change = unpack_attributes(payload);
      return change ? told("cannot change attributes", backing::apply(node, *change)) : malformed;
    }
    case Op::xattr_set: {
      const auto pair = unpack_names(payload);
      return pair ? told("cannot set", pair->first, backing::set_xattr(node, pair->first, pair->second, 0)) : malformed;
    }
    case Op::xattr_remove: {
      const auto name = unpack_name(payload);
      if (!name) return malformed;
      const int error = backing::remove_xattr(node, *name);
      return told("cannot remove", *name, error == ENODATA ? 0 : error);
    }
    case Op::sync:
      return sync(file, node);
    default:
      return is_contents ? apply_contents(head, node, payload) : malformed;
  }
}

std::string Applier::apply_contents(const Head& head, int contents, std::span<const std::byte> payload) {
  std::size_t written = 0;
  switch (head.op) {
    case Op::write:
      return told("cannot write", backing::write_at(contents, payload, head.offset, written));
    case Op::truncate:
      return told("cannot truncate", ::ftruncate(contents, static_cast<off_t>(head.offset)) == 0 ? 0 : errno);
    default:
      return told("cannot allocate", backing::allocate(contents, head.flags, head.offset, head.extra));
  }
}

std::string Applier::sync(const ReplicaFile& file, int node) {
  struct stat of {};
  if (const int error = backing::stat_of(node, of); error != 0) return told("cannot read a file", error);
  if (S_ISDIR(of.st_mode)) {
    const platform::Fd folder{::openat(node, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    return told("cannot sync a folder", folder && ::fsync(folder.number()) == 0 ? 0 : errno);
  }
  const ReplicaFile::Ref contents = file.contents();
  if (!*contents) return errno == ESTALE ? std::string{} : told("cannot open a file", errno);
  return told("cannot sync", ::fsync(contents->number()) == 0 ? 0 : errno);
}

std::string Applier::begin_manifest(const Head& head) {
  for (auto& manifest : manifests_) manifest.clear();
  is_difference_known_ = head.flags != 0;
  if (duties_.salvage != nullptr) {
    // Keeping takes time, in which nothing is confirmed: the primary is told that this node is alive.
    duties_.salvage->begin([this] { duties_.answer({.op = Op::ack, .sequence = applied()}, {}); });
  }
  Status marked = duties_.set_consistent(false);
  // What the primary remembers of changes since is of use only to a copy that has its history.
  const bool is_kept = is_difference_known_ && duties_.has_history_of_primary();
  own_marks_ = is_difference_known_ ? duties_.own_marks() : Marks{};
  if (marked && !is_kept) marked = duties_.set_history_of_primary(false);
  return marked ? std::string{} : marked.error().message;
}

std::string Applier::add_to_manifest(const Head& head, std::span<const std::byte> payload) {
  auto entry = unpack_manifest_entry(payload);
  if (!entry || volume_of(entry->file) >= manifests_.size()) return malformed;
  entry->is_certain = is_difference_known_ && head.flags != 0;
  manifests_[volume_of(entry->file)].push_back(std::move(*entry));
  return {};
}

std::string Applier::end_manifest() {
  std::vector<Adoption> adoptions(directories_.size());
  Doubts doubts;
  for (std::size_t at = 0; is_difference_known_ && at < directories_.size(); ++at) {
    adoptions[at] = adopt(directories_[at].root, static_cast<VolumeNumber>(at), manifests_[at], own_marks_);
    doubts.insert(doubts.end(), adoptions[at].doubts.begin(), adoptions[at].doubts.end());
  }
  std::string problem = is_difference_known_ ? tell_doubts(doubts) : std::string{};
  files_.clear();
  for (std::size_t at = 0; problem.empty() && at < directories_.size(); ++at) {
    problem = make_equal(directories_[at], static_cast<VolumeNumber>(at), manifests_[at], adoptions[at], files_,
                         duties_.salvage);
    manifests_[at] = {};
  }
  own_marks_.clear();
  return problem;
}

std::string Applier::tell_doubts(const Doubts& doubts) {
  // The primary learns of these for this connection alone: were the copy interrupted, the next one would not.
  if (!doubts.empty()) {
    if (const Status marked = duties_.set_history_of_primary(false); !marked) return marked.error().message;
  }
  std::size_t at = 0;
  do {
    const auto part = std::span{doubts}.subspan(at, std::min(doubts_a_frame, doubts.size() - at));
    at += part.size();
    const Packer packed = pack(part);
    duties_.answer({.op = Op::adopted, .flags = std::uint16_t{at == doubts.size()}}, packed.bytes());
  } while (at < doubts.size());
  return {};
}

std::string Applier::compare(const Head& head, std::span<const std::byte> payload) {
  const std::size_t blocks = payload.size() / sizeof(BlockHash);
  if (head.extra > chunk_bytes || blocks != (head.extra + block_bytes - 1) / block_bytes) return malformed;
  Packer answer;
  const auto found = files_.find(head.file);
  const ReplicaFile::Ref opened = found == files_.end() ? nullptr : found->second.contents();
  if (opened && !*opened && errno != ESTALE) return told("cannot open a file to compare it", errno);
  if (opened && *opened) {
    const int file = opened->number();
    buffer_.resize(chunk_bytes);
    std::size_t got = 0;
    backing::read_at(file, buffer_.data(), head.extra, head.offset, got);
    // The primary has room for these bytes, whatever they are; a hole here would have to find it later.
    const off_t hole = ::lseek(file, static_cast<off_t>(head.offset), SEEK_HOLE);
    const std::size_t filled = hole < 0 ? 0 : static_cast<std::size_t>(hole) - static_cast<std::size_t>(head.offset);
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t at = block * block_bytes;
      const std::size_t size = std::min(block_bytes, static_cast<std::size_t>(head.extra) - at);
      BlockHash there{};
      std::memcpy(&there, payload.data() + block * sizeof there, sizeof there);
      const bool is_whole = at + size <= std::min(got, filled);
      if (!is_whole || XXH128_isEqual(hash_of(std::span{buffer_}.subspan(at, size)), there) == 0)
        answer.number(static_cast<std::uint32_t>(block));
    }
  }
  duties_.answer({.op = Op::differs, .file = head.file, .offset = head.offset, .extra = head.extra}, answer.bytes());
  return {};
}

std::string Applier::end_copy(const Head& head) {
  if (duties_.salvage != nullptr) duties_.salvage->end();
  for (const Directory& directory : directories_) {
    if (::syncfs(directory.root) != 0) return told("cannot write the copy to disk", errno);
  }
  if (const Status marked = duties_.set_history_of_primary(true); !marked) return marked.error().message;
  if (const Status marked = duties_.set_consistent(true); !marked) return marked.error().message;
  duties_.answer({.op = Op::copied, .sequence = head.sequence}, {});
  return {};
}

}  // namespace clusteragent::filesync
