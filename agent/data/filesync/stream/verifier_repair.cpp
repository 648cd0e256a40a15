// What a verification repairs: it goes the way of the application's writes, under the same locks.
#include <linux/falloc.h>
#include <unistd.h>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/stream/leader.hpp"
#include "agent/data/filesync/stream/survey.hpp"
#include "agent/data/filesync/stream/verifier.hpp"
#include "agent/data/filesync/stream/verify_bounds.hpp"

namespace clusteragent::filesync {

void Verifier::repair_name(const Item& folder, const FaultyName& faulty) {
  const platform::Fd node = open_handle(root(), folder.handle, O_RDONLY | O_DIRECTORY);
  if (!node) return;
  const auto shared = leader_.gate.shared();
  const platform::Fd file = backing::open_node(node.number(), faulty.name);
  if (faulty.fault == NameFault::extra) {
    // Made meanwhile: what is there is the stream's.
    if (file) return;
    leader_.append_repair({.op = Op::repair_extra, .file = folder.file}, pack_name(faulty.name).bytes());
    return send_times(folder.file, node.number());
  }
  struct stat of {};
  if (!file || backing::stat_of(file.number(), of) != 0 || of.st_dev != device_) return;
  const FileId id = id_of(of.st_ino);
  const std::lock_guard lock{leader_.locks.of(id)};
  if (backing::stat_of(file.number(), of) != 0) return;
  leader_.append_repair({.op = Op::repair_name, .file = folder.file},
                        pack(entry_of(file.number(), id, faulty.name, of)).bytes());
  send_times(id, file.number());
  send_times(folder.file, node.number());
}

void Verifier::repair_entry(const Item& item) {
  const platform::Fd node = open_handle(root(), item.handle, O_PATH | O_NOFOLLOW);
  if (!node) return;
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item.file)};
  struct stat of {};
  if (backing::stat_of(node.number(), of) != 0 || of.st_nlink == 0) return;
  leader_.append_repair({.op = Op::repair_entry, .file = item.file},
                        pack(entry_of(node.number(), item.file, item.name, of)).bytes());
  send_times(item.file, node.number());
}

void Verifier::repair_block(const Item& item, std::uint64_t offset, std::uint64_t bytes) {
  const platform::Fd file = open_handle(root(), item.handle, O_RDONLY);
  if (!file) return;
  const auto shared = leader_.gate.shared();
  const std::lock_guard lock{leader_.locks.of(item.file)};
  struct stat of {};
  if (::fstat(file.number(), &of) != 0 || of.st_nlink == 0) return;
  std::size_t got = 0;
  buffer_.resize(verify_chunk_bytes);
  backing::read_at(file.number(), buffer_.data(), bytes, offset, got);
  // Cut off meanwhile, and so it is there.
  if (got == 0) return;
  const off_t data = ::lseek(file.number(), static_cast<off_t>(offset), SEEK_DATA);
  const bool is_hole = data < 0 || static_cast<std::uint64_t>(data) >= offset + got;
  if (is_hole) {
    leader_.append_repair({.op = Op::allocate,
                           .flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           .file = item.file,
                           .offset = offset,
                           .extra = got},
                          {});
  } else {
    leader_.append_repair({.op = Op::write, .file = item.file, .offset = offset}, std::span{buffer_}.first(got));
  }
  send_times(item.file, file.number());
}

void Verifier::send_times(FileId file, int node) {
  struct stat of {};
  if (backing::stat_of(node, of) != 0) return;
  AttributeChange change;
  change.times = Times{of.st_atim, of.st_mtim};
  leader_.append({.op = Op::attributes, .file = file}, pack(change).bytes(), false);
}

}  // namespace clusteragent::filesync
