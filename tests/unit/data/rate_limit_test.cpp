// The bandwidth of a copy: no more than so many bytes a second, and nothing saved up.
#include "agent/data/filesync/stream/rate_limit.hpp"

#include <gtest/gtest.h>

namespace clusteragent::filesync {
namespace {

using std::chrono::milliseconds;

TEST(RateLimit, spaces_what_is_sent) {
  RateLimit limit{1'000'000};
  const Instant start = Instant{} + std::chrono::hours{1};
  EXPECT_EQ(limit.charge(100'000, start), Duration::zero());
  EXPECT_EQ(limit.charge(100'000, start), milliseconds{100});
  EXPECT_EQ(limit.charge(1, start + milliseconds{50}), milliseconds{150});
}

TEST(RateLimit, saves_nothing_up) {
  RateLimit limit{1'000'000};
  const Instant start = Instant{} + std::chrono::hours{1};
  limit.charge(100'000, start);
  const Instant later = start + std::chrono::hours{1};
  EXPECT_EQ(limit.charge(100'000, later), Duration::zero());
  EXPECT_EQ(limit.charge(100'000, later), milliseconds{100});
}

TEST(RateLimit, of_nothing_never_waits) {
  RateLimit limit{0};
  const Instant start = Instant{} + std::chrono::hours{1};
  limit.charge(1ULL << 40, start);
  EXPECT_EQ(limit.charge(1ULL << 40, start), Duration::zero());
}

}  // namespace
}  // namespace clusteragent::filesync
