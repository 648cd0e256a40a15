#include "agent/data/filesync/store/descriptor_limit.hpp"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "agent/data/filesync/stream/file_handle.hpp"

namespace clusteragent::filesync {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// The limit of this process, for as long as it lives.
class Limit {
 public:
  explicit Limit(rlim_t wanted) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit now{wanted, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~Limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  rlimit before_{};
};

TEST(DescriptorLimit, leaves_most_of_them_to_the_applications) {
  {
    const Limit limit{400};
    EXPECT_EQ(cached_descriptors_max(), 100U);
  }
  const Limit limit{18000};
  EXPECT_EQ(cached_descriptors_max(), 4096U);
}

TEST(DescriptorLimit, says_where_it_is_raised) {
  const Limit limit{400};
  EXPECT_THAT(error_text(EMFILE), AllOf(HasSubstr("may have 400 descriptors"), HasSubstr("LimitNOFILE=")));
  EXPECT_THAT(error_text(ENFILE), HasSubstr("fs.file-max"));
  EXPECT_EQ(error_text(ENOENT), "No such file or directory");
}

TEST(FileHandle, is_the_same_for_the_same_file_and_no_other) {
  const platform::Fd one{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  const platform::Fd two{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  const auto handle = handle_of(one.number());
  const auto other = handle_of(two.number());
  ASSERT_TRUE(handle && other);
  EXPECT_EQ(handle_of(one.number()), handle);
  EXPECT_NE(*handle, *other);
  EXPECT_EQ(generation_of(*handle), generation_of(*handle_of(one.number())));
  EXPECT_NE(generation_of(*handle), generation_of(*other));
}

}  // namespace
}  // namespace clusteragent::filesync
