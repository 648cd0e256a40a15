#include "agent/data/filesync/fuse/inheritance.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "agent/base/assert.hpp"

namespace clusteragent::filesync::fuse {
namespace {

// Room is taken from the machine when it is used.
constexpr std::size_t files_max = 4 * 1024 * 1024;
// As many as the engine may have descriptors (descriptor_limit.cpp), so that a place is a handle's lower bits.
constexpr unsigned place_bits = 20;
constexpr std::size_t opens_max = std::size_t{1} << place_bits;
// More than there are threads that take requests.
constexpr std::size_t undertakings_max = 256;

constexpr std::uint64_t magic = 0x31'54'52'48'4e'49'41'43;  // "CAINHRT1"

/// The next store is not moved before what was stored until now. A process that dies has done what it has done, in the
/// order of the program: no other processor looks while it lives.
void in_order() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// A longer one than the file system takes stands for nothing.
void put(std::array<char, name_bytes_max>& to, const std::string& name) {
  const std::size_t bytes = std::min(name.size(), to.size() - 1);
  std::copy_n(name.begin(), bytes, to.begin());
  to[bytes] = '\0';
}

}  // namespace

struct Inheritance::Shared {
  std::uint64_t magic;
  std::uint64_t bytes;  // with the first: the layout
  std::uint64_t undertaking_bytes;
  std::uint64_t is_usable;
  std::uint64_t is_spoilt;
  std::uint64_t last_open;
  std::uint64_t files_used;
  std::uint64_t opens_used;
  std::array<Undertaking, undertakings_max> undertakings;
  std::array<KnownOpen, opens_max> opens;
  std::array<KnownFile, files_max> files;
};

void Undertaking::begin(FileId in, const std::string& named) {
  folder = in.value();
  put(name, named);
  in_order();
  state = begun;
  in_order();
}

void Undertaking::set_new_name(const std::string& named) {
  put(new_name, named);
}

void Undertaking::finish(std::span<const std::byte> with) {
  CLUSTERAGENT_ASSERT(with.size() <= reply.size());
  std::copy(with.begin(), with.end(), reply.begin());
  reply_bytes = static_cast<std::uint32_t>(with.size());
  in_order();
  state = done;
  in_order();
}

Inheritance::Inheritance(platform::Fd memory, Shared* shared)
    : memory_{std::move(memory)}, shared_{shared}, taken_(undertakings_max) {}

Inheritance::~Inheritance() {
  ::munmap(shared_, sizeof(Shared));
}

Result<std::shared_ptr<Inheritance>> Inheritance::map(platform::Fd memory) {
  void* at = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory.number(), 0);
  if (at == MAP_FAILED) {
    return Error{ErrorCode::system,
                 fmt::format("cannot map the memory that outlives the engine: {}", std::strerror(errno))};
  }
  return std::shared_ptr<Inheritance>{new Inheritance{std::move(memory), static_cast<Shared*>(at)}};
}

Result<std::shared_ptr<Inheritance>> Inheritance::make() {
  platform::Fd memory{::memfd_create("clusteragent-filesync", MFD_CLOEXEC)};
  if (!memory || ::ftruncate(memory.number(), sizeof(Shared)) != 0) {
    return Error{ErrorCode::system,
                 fmt::format("cannot make the memory that outlives the engine: {}", std::strerror(errno))};
  }
  auto made = map(std::move(memory));
  if (!made) return made;
  Shared& shared = *(*made)->shared_;
  shared.bytes = sizeof(Shared);
  shared.undertaking_bytes = sizeof(Undertaking);
  in_order();
  shared.magic = magic;
  return made;
}

Result<std::shared_ptr<Inheritance>> Inheritance::take(platform::Fd memory) {
  struct stat of {};
  const bool has_size = ::fstat(memory.number(), &of) == 0 && of.st_size == static_cast<off_t>(sizeof(Shared));
  auto mapped = has_size ? map(std::move(memory)) : Error{ErrorCode::refused, ""};
  const Shared* shared = mapped ? (*mapped)->shared_ : nullptr;
  if (shared == nullptr || shared->magic != magic || shared->bytes != sizeof(Shared) ||
      shared->undertaking_bytes != sizeof(Undertaking) || shared->files_used > files_max ||
      shared->opens_used > opens_max) {
    return Error{ErrorCode::refused, "it is of another version of the agent"};
  }
  Inheritance& taken = **mapped;
  for (std::size_t at = 0; at < shared->files_used; ++at) {
    if (shared->files[at].file == 0) taken.free_files_.push_back(static_cast<std::uint32_t>(at));
  }
  for (std::size_t at = 0; at < shared->opens_used; ++at) {
    if (shared->opens[at].handle == 0) taken.free_opens_.push_back(static_cast<std::uint32_t>(at));
  }
  return mapped;
}

void Inheritance::set_usable() {
  shared_->is_usable = 1;
}

void Inheritance::spoil() {
  shared_->is_spoilt = 1;
}

bool Inheritance::is_usable() const {
  return shared_->is_usable == 1 && shared_->is_spoilt == 0;
}

KnownFile* Inheritance::add_file(FileId id, const FileHandle& handle, mode_t type, bool is_local) {
  const std::lock_guard lock{mutex_};
  const bool has_place = !free_files_.empty() || shared_->files_used < files_max;
  if (!has_place || handle.bytes.size() > handle_bytes_max) {
    spoil();
    return nullptr;
  }
  std::size_t at = shared_->files_used;
  if (!free_files_.empty()) {
    at = free_files_.back();
    free_files_.pop_back();
  }
  KnownFile& record = shared_->files[at];
  record.lookups = 0;
  record.type = type;
  record.is_local = is_local ? 1 : 0;
  record.handle_bytes = static_cast<std::uint16_t>(handle.bytes.size());
  std::copy(handle.bytes.begin(), handle.bytes.end(), record.handle.begin());
  in_order();
  record.file = id.value();
  in_order();
  if (at == shared_->files_used) shared_->files_used++;
  return &record;
}

void Inheritance::remove_file(KnownFile* record) {
  const std::lock_guard lock{mutex_};
  record->file = 0;
  free_files_.push_back(static_cast<std::uint32_t>(record - shared_->files.data()));
}

std::size_t Inheritance::place_of(std::uint64_t handle) {
  return handle & (opens_max - 1);
}

KnownOpen* Inheritance::add_open(FileId file, std::uint64_t request, std::uint32_t flags, bool is_folder) {
  const std::lock_guard lock{mutex_};
  std::size_t at = shared_->opens_used;
  if (!free_opens_.empty()) {
    at = free_opens_.back();
    free_opens_.pop_back();
  } else if (at == opens_max) {
    return nullptr;
  }
  KnownOpen& record = shared_->opens[at];
  record.file = file.value();
  record.request = request;
  record.flags = flags;
  record.is_folder = is_folder ? 1 : 0;
  // A handle is never given twice: a release that is sent again must not close what another one opened since.
  const std::uint64_t number = ++shared_->last_open;
  in_order();
  record.handle = (number << place_bits) | at;
  in_order();
  if (at == shared_->opens_used) shared_->opens_used++;
  return &record;
}

void Inheritance::remove_open(KnownOpen* record) {
  const std::lock_guard lock{mutex_};
  record->handle = 0;
  free_opens_.push_back(static_cast<std::uint32_t>(record - shared_->opens.data()));
}

Undertaking* Inheritance::begin(std::uint64_t request, std::uint32_t opcode) {
  for (;;) {
    for (std::size_t at = 0; at < undertakings_max; ++at) {
      if (taken_[at].load(std::memory_order_relaxed) || taken_[at].exchange(true)) continue;
      Undertaking& record = shared_->undertakings[at];
      record.opcode = opcode;
      record.state = Undertaking::looking;
      record.lookups_count = 0;
      record.reply_bytes = 0;
      in_order();
      record.request = request;
      in_order();
      return &record;
    }
    std::this_thread::yield();
  }
}

void Inheritance::end(Undertaking* record) {
  record->request = 0;
  in_order();
  taken_[static_cast<std::size_t>(record - shared_->undertakings.data())] = false;
}

std::span<KnownFile> Inheritance::files() {
  return std::span{shared_->files}.first(shared_->files_used);
}

std::span<KnownOpen> Inheritance::opens() {
  return std::span{shared_->opens}.first(shared_->opens_used);
}

std::vector<Undertaking> Inheritance::take_undertakings() {
  std::vector<Undertaking> left;
  for (Undertaking& record : shared_->undertakings) {
    if (record.request == 0) continue;
    left.push_back(record);
    record.request = 0;
  }
  return left;
}

}  // namespace clusteragent::filesync::fuse
