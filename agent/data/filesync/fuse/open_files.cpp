#include "agent/data/filesync/fuse/open_files.hpp"

#include <utility>

namespace clusteragent::filesync::fuse {

OpenFiles::~OpenFiles() {
  for (const std::atomic<Chunk*>& each : chunks_) {
    const std::unique_ptr<Chunk> chunk{each.load()};
    if (!chunk) continue;
    for (const std::atomic<OpenFile*>& file : *chunk) std::unique_ptr<OpenFile>{file.load()}.reset();
  }
}

std::atomic<OpenFile*>& OpenFiles::place(std::uint64_t handle) {
  const std::size_t at = Inheritance::place_of(handle);
  std::atomic<Chunk*>& chunk = chunks_.at(at / chunk_files);
  if (chunk.load() == nullptr) {
    const std::lock_guard lock{growing_};
    if (chunk.load() == nullptr) chunk = std::make_unique<Chunk>().release();
  }
  return (*chunk.load())[at % chunk_files];
}

void OpenFiles::put(KnownOpen& record, std::unique_ptr<OpenFile> file) {
  file->record = &record;
  file->node->opens++;
  place(record.handle) = file.release();
}

std::uint64_t OpenFiles::add(std::unique_ptr<OpenFile> file, std::uint64_t request, std::uint32_t flags,
                             bool is_folder) {
  KnownOpen* record = inheritance_->add_open(file->node->id, request, flags, is_folder);
  if (record == nullptr) return 0;
  const std::uint64_t handle = record->handle;
  put(*record, std::move(file));
  return handle;
}

void OpenFiles::restore(KnownOpen& record, std::unique_ptr<OpenFile> file) {
  put(record, std::move(file));
}

OpenFile* OpenFiles::find(std::uint64_t handle) const {
  const std::size_t at = Inheritance::place_of(handle);
  const Chunk* chunk = chunks_.at(at / chunk_files);
  OpenFile* file = chunk != nullptr ? (*chunk)[at % chunk_files].load() : nullptr;
  return file != nullptr && file->record->handle == handle && file->file ? file : nullptr;
}

std::unique_ptr<OpenFile> OpenFiles::remove(std::uint64_t handle) {
  std::atomic<OpenFile*>& at = place(handle);
  OpenFile* file = at.load();
  if (file == nullptr || file->record->handle != handle) return nullptr;
  at = nullptr;
  file->node->opens--;
  inheritance_->remove_open(std::exchange(file->record, nullptr));
  return std::unique_ptr<OpenFile>{file};
}

}  // namespace clusteragent::filesync::fuse
