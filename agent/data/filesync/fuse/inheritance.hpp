#pragma once
// Inheritance: what the engine of a volume leaves to the next one when it dies: memory that outlives it, because the
// agent holds it as well (memfd_create(2)). The kernel goes on with the numbers of nodes, the counts of lookups and the
// handles of open files that the dead engine gave it, and sends again what was under way (FUSE_NOTIFY_RESEND). So those
// are kept here, and for each request that may not be done twice what was undertaken, before it is done, and its reply,
// before it is given.
//
// Written while the engine works, without system calls; read by the next engine, when the former is certain to have
// ended: what a process has stored before it dies is all there, so the order of the stores is what counts. Of another
// layout, or short of room: not usable(), and the crash is one that nobody survives.
//
// Ownership: of the memory; records stay where they are as long as this lives. Threads: any; a record has one user.
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/data/filesync/stream/file_handle.hpp"
#include "agent/data/filesync/wire/operation.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync::fuse {

// struct file_handle with MAX_HANDLE_SZ.
inline constexpr std::size_t handle_bytes_max = 136;
inline constexpr std::size_t name_bytes_max = 256;
// An entry and an open file: the longest reply of a request that makes something.
inline constexpr std::size_t reply_bytes_max = 160;
// A listing ends there, and the kernel asks for the rest.
inline constexpr std::size_t noted_lookups_max = 1024;

/// A file that the kernel knows.
struct KnownFile {
  std::uint64_t file;  // FileId; 0: free
  std::uint64_t lookups;
  std::uint32_t type;
  std::uint16_t is_local;
  std::uint16_t handle_bytes;
  std::array<std::byte, handle_bytes_max> handle;
};

/// A file or folder that an application has open.
struct KnownOpen {
  std::uint64_t handle;   // what the kernel calls it; 0: free
  std::uint64_t file;     // FileId
  std::uint64_t request;  // that opened it
  std::uint32_t flags;    // of open(2)
  std::uint32_t is_folder;
};

/// A request under way that changes names, or makes the kernel know a file.
struct Undertaking {
  enum State : std::uint32_t {  // in memory that another build may read: do not renumber
    looking = 0,                // nothing is changed yet
    begun = 1,                  // perhaps it is done
    done = 2,                   // with that reply, which perhaps was given
  };
  std::uint64_t request;  // without the mark of one that was sent again; 0: free
  std::uint32_t opcode;
  std::uint32_t state;
  std::uint64_t folder;      // FileId
  std::uint64_t new_folder;  // of a rename
  std::uint64_t file;        // what is moved or linked
  std::array<char, name_bytes_max> name;
  std::array<char, name_bytes_max> new_name;
  std::uint32_t reply_bytes;
  std::uint32_t lookups_count;
  std::array<std::byte, reply_bytes_max> reply;
  std::array<std::uint64_t, noted_lookups_max> lookups;  // FileIds, each once more known to the kernel by the reply

  void begin(FileId in, const std::string& named);
  void set_new_name(const std::string& named);
  void finish(std::span<const std::byte> with = {});
  void note_lookup(FileId of) {
    if (lookups_count < noted_lookups_max) lookups[lookups_count++] = of.value();
  }
};

class Inheritance {
 public:
  static Result<std::shared_ptr<Inheritance>> make();
  /// A former engine's, which has ended.
  static Result<std::shared_ptr<Inheritance>> take(platform::Fd memory);
  ~Inheritance();
  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;

  int memory() const { return memory_.number(); }
  /// The kernel sends again what a dead engine took (its answer to FUSE_INIT).
  void set_usable();
  /// From now on nobody may build upon it.
  void spoil();
  bool is_usable() const;

  /// Null: no room; then it is spoilt.
  KnownFile* add_file(FileId id, const FileHandle& handle, mode_t type, bool is_local);
  void remove_file(KnownFile* record);
  /// Its handle is set, and no former one's. Null as above.
  KnownOpen* add_open(FileId file, std::uint64_t request, std::uint32_t flags, bool is_folder);
  void remove_open(KnownOpen* record);
  static std::size_t place_of(std::uint64_t handle);

  /// For a request of this thread; waits for one that is free.
  Undertaking* begin(std::uint64_t request, std::uint32_t opcode);
  void end(Undertaking* record);

  /// All that were ever used, the free ones among them.
  std::span<KnownFile> files();
  std::span<KnownOpen> opens();
  /// What the former engine left, and takes it away.
  std::vector<Undertaking> take_undertakings();

 private:
  struct Shared;
  explicit Inheritance(platform::Fd memory, Shared* shared);
  static Result<std::shared_ptr<Inheritance>> map(platform::Fd memory);

  platform::Fd memory_;
  Shared* shared_;
  std::mutex mutex_;
  std::vector<std::uint32_t> free_files_;
  std::vector<std::uint32_t> free_opens_;
  std::vector<std::atomic<bool>> taken_;  // undertakings, by this process
};

}  // namespace clusteragent::filesync::fuse
