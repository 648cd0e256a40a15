#pragma once
// ReadAhead: asks the disk for what a copy will read next, several pieces at a time. The copy reads under the lock of a
// file; what comes from the page cache then holds the application's writes to that file up for a moment only, and a
// disk that has several requests at once works faster than one that is asked for one piece after the other.
//
// Source: posix_fadvise(2), POSIX_FADV_WILLNEED: the kernel starts the reads and does not wait for them. A hint: no
// errors. One thread.
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/data/filesync/ledger/regions.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class ReadAhead {
 public:
  struct Part {
    platform::Fd file;
    std::vector<Span> spans;
  };
  /// The parts in the order in which they will be read; nothing at the end. One whose file cannot be opened counts all
  /// the same.
  using Parts = std::function<std::optional<Part>()>;

  using Ask = std::function<void(int file, std::uint64_t offset, std::uint64_t bytes)>;

  /// `pieces`: how many are asked for at once, the one that is read next among them.
  ReadAhead(unsigned pieces, Parts parts, Ask ask = ask_disk);

  /// The reader has so many bytes of all the spans behind it.
  void reached(std::uint64_t bytes);
  static void ask_disk(int file, std::uint64_t offset, std::uint64_t bytes);

 private:
  const std::uint64_t distance_;
  const Parts parts_;
  const Ask ask_;
  std::optional<Part> part_;
  std::size_t span_ = 0;  // in part_
  std::uint64_t asked_ = 0;
  bool is_over_ = false;
};

}  // namespace clusteragent::filesync
