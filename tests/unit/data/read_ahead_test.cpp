// What a copy asks of the disk before it reads: in the order of reading, so far ahead and no further. Method: parts
// with any open file, the questions written down.
#include "agent/data/filesync/stream/read_ahead.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

using Asked = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // offset, bytes

struct Reading : testing::Test {
  ReadAhead ahead(unsigned pieces) {
    return ReadAhead{pieces,
                     [this]() -> std::optional<ReadAhead::Part> {
                       if (next_ == parts_.size()) return std::nullopt;
                       const bool is_there = next_ != missing_;
                       return ReadAhead::Part{platform::Fd{is_there ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : -1},
                                              parts_[next_++]};
                     },
                     [this](int, std::uint64_t offset, std::uint64_t bytes) { asked_.emplace_back(offset, bytes); }};
  }
  std::vector<std::vector<Span>> parts_{{{0, 3 * mebibyte, false}, {8 * mebibyte, 8 * mebibyte + 10, true}},
                                        {{0, 5, false}}};
  std::size_t next_ = 0;
  std::size_t missing_ = 100;
  Asked asked_;
};

TEST_F(Reading, asks_for_so_many_pieces_at_once) {
  ReadAhead reader = ahead(2);
  reader.reached(0);
  EXPECT_EQ(asked_, (Asked{{0, mebibyte}, {mebibyte, mebibyte}}));
  asked_.clear();
  reader.reached(mebibyte);
  EXPECT_EQ(asked_, (Asked{{2 * mebibyte, mebibyte}}));
}

TEST_F(Reading, goes_on_in_the_next_span_and_the_next_file) {
  ReadAhead reader = ahead(64);
  reader.reached(0);
  EXPECT_EQ(asked_, (Asked{{0, mebibyte}, {mebibyte, mebibyte}, {2 * mebibyte, mebibyte}, {8 * mebibyte, 10}, {0, 5}}));
  reader.reached(3 * mebibyte + 15);
  EXPECT_EQ(asked_.size(), 5U) << "nothing is left";
}

TEST_F(Reading, passes_over_a_file_that_is_gone) {
  missing_ = 0;
  ReadAhead reader = ahead(64);
  reader.reached(0);
  EXPECT_EQ(asked_, (Asked{{0, 5}}));
}

}  // namespace
}  // namespace clusteragent::filesync
