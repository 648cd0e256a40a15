#pragma once
// OpenFiles: what applications have open in a volume, by the handle that the kernel gives back with every request. A
// handle is a number that outlives the engine (inheritance.hpp), so it is no pointer, and one that nobody knows is an
// error of the request. Ownership: of the files, until remove(). Threads: any; the kernel releases a handle last.
#include <array>
#include <atomic>
#include <memory>

#include "agent/data/filesync/fuse/inheritance.hpp"
#include "agent/data/filesync/fuse/node_table.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync::fuse {

struct OpenFile {
  NodeRef node;
  platform::Fd file;
  bool is_synchronous = false;  // O_DSYNC: each write is a promise
  KnownOpen* record = nullptr;
};

class OpenFiles {
 public:
  explicit OpenFiles(std::shared_ptr<Inheritance> inheritance) : inheritance_{std::move(inheritance)} {}
  ~OpenFiles();
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  /// Returns the handle; 0: there are as many as there may be.
  std::uint64_t add(std::unique_ptr<OpenFile> file, std::uint64_t request, std::uint32_t flags, bool is_folder);
  /// Under the handle that a former engine gave.
  void restore(KnownOpen& record, std::unique_ptr<OpenFile> file);
  /// Null: nobody knows the handle, or its file could not be found again.
  OpenFile* find(std::uint64_t handle) const;
  /// Null: it is released already.
  std::unique_ptr<OpenFile> remove(std::uint64_t handle);

 private:
  static constexpr std::size_t chunk_files = 1024;
  using Chunk = std::array<std::atomic<OpenFile*>, chunk_files>;
  std::atomic<OpenFile*>& place(std::uint64_t handle);
  void put(KnownOpen& record, std::unique_ptr<OpenFile> file);

  std::shared_ptr<Inheritance> inheritance_;
  std::mutex growing_;
  std::array<std::atomic<Chunk*>, 1024> chunks_{};
};

}  // namespace clusteragent::filesync::fuse
