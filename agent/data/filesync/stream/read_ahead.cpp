#include "agent/data/filesync/stream/read_ahead.hpp"

#include <fcntl.h>

#include <algorithm>

#include "agent/data/filesync/stream/block_hash.hpp"

namespace clusteragent::filesync {

ReadAhead::ReadAhead(unsigned pieces, Parts parts, Ask ask)
    : distance_{std::uint64_t{pieces} * chunk_bytes}, parts_{std::move(parts)}, ask_{std::move(ask)} {}

void ReadAhead::ask_disk(int file, std::uint64_t offset, std::uint64_t bytes) {
  (void)::posix_fadvise(file, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

void ReadAhead::reached(std::uint64_t bytes) {
  while (!is_over_ && asked_ < bytes + distance_) {
    if (!part_ || span_ == part_->spans.size()) {
      part_ = parts_();
      span_ = 0;
      is_over_ = !part_;
      continue;
    }
    Span& span = part_->spans[span_];
    const std::uint64_t piece = std::min<std::uint64_t>(chunk_bytes, span.end - span.begin);
    if (part_->file && piece > 0) ask_(part_->file.number(), span.begin, piece);
    span.begin += piece;
    asked_ += piece;
    if (span.begin == span.end) span_++;
  }
}

}  // namespace clusteragent::filesync
