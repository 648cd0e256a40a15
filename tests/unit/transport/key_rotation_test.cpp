#include "agent/transport/key_rotation.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/transport/key_file.hpp"

namespace clusteragent::transport {
namespace {

using testing::HasSubstr;

constexpr wire::UnixSeconds now = 1'795'264'800;
constexpr wire::UnixSeconds day = 86'400;

class KeyRotation : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "clusteragent-keys-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    file = (folder / "cluster.key").string();
    ASSERT_TRUE(save_key(file, first, false));
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  static void write(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream{path} << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  static mode_t mode_of(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  }
  wire::KeyRing ring() const {
    const auto loaded = load_key_ring(file);
    EXPECT_TRUE(loaded && loaded->problems.empty());
    return loaded ? loaded->ring : wire::KeyRing{};
  }

  std::filesystem::path folder;
  std::string file;
  wire::Key first = wire::generate_key();
};

TEST_F(KeyRotation, goes_from_next_to_current_to_previous_to_nothing) {
  ASSERT_TRUE(make_next_key(file, false));
  const wire::Key second = *ring().next;
  EXPECT_NE(second, first);
  EXPECT_EQ(mode_of(next_key_file(file)), mode_t{0600});
  ASSERT_TRUE(activate_next_key(file, now, now + day, false));
  EXPECT_EQ(ring(), (wire::KeyRing{second, {}, wire::PreviousKey{first, now + day}}));
  EXPECT_EQ(mode_of(previous_key_file(file)), mode_t{0600});
  EXPECT_TRUE(*retire_previous_key(file));
  EXPECT_EQ(ring(), (wire::KeyRing{second, {}, {}}));
  EXPECT_FALSE(*retire_previous_key(file));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder}, {}), 1) << "nothing is left over";
}

TEST_F(KeyRotation, does_not_lose_a_next_key_that_others_may_have) {
  ASSERT_TRUE(make_next_key(file, false));
  const auto made = ring().next;
  const Status again = make_next_key(file, false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  EXPECT_EQ(ring().next, made);
  ASSERT_TRUE(make_next_key(file, true));
  EXPECT_NE(ring().next, made);
}

TEST_F(KeyRotation, needs_a_next_key_to_activate) {
  const Status missing = activate_next_key(file, now, now + day, true);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("keygen --next"));
  EXPECT_EQ(ring().current, first);
}

TEST_F(KeyRotation, does_not_begin_a_second_change_before_the_first_is_over) {
  ASSERT_TRUE(make_next_key(file, false));
  ASSERT_TRUE(activate_next_key(file, now, now + day, false));
  ASSERT_TRUE(make_next_key(file, false));
  const Status early = activate_next_key(file, now + 1, now + day, false);
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message, HasSubstr("--retire"));
  EXPECT_TRUE(activate_next_key(file, now + day, now + 2 * day, false)) << "its time is over";
}

TEST_F(KeyRotation, after_a_crash_between_its_steps_still_accepts_what_others_sign_with) {
  ASSERT_TRUE(make_next_key(file, false));
  const wire::Key second = *ring().next;
  write(previous_key_file(file), wire::format_previous({first, now + day}), 0600);  // the second step never came
  EXPECT_THAT(ring().accepted(now), testing::ElementsAre(first, second));
  EXPECT_TRUE(activate_next_key(file, now, now + day, false)) << "and it can be said again";
  EXPECT_THAT(ring().accepted(now), testing::ElementsAre(second, first));
}

TEST_F(KeyRotation, leaves_out_what_is_not_in_order_and_says_so) {
  write(next_key_file(file), wire::format_key(wire::generate_key()), 0644);
  write(previous_key_file(file), wire::format_key(first).substr(0, 40), 0600);
  const auto loaded = load_key_ring(file);
  ASSERT_TRUE(loaded) << "the current key is in order";
  EXPECT_EQ(loaded->ring, (wire::KeyRing{first, {}, {}}));
  ASSERT_EQ(loaded->problems.size(), 2U);
  EXPECT_THAT(loaded->problems[0], HasSubstr("chmod 600 " + next_key_file(file)));
  EXPECT_THAT(loaded->problems[1], HasSubstr(previous_key_file(file)));
  const Status activated = activate_next_key(file, now, now + day, true);
  ASSERT_FALSE(activated) << "not with a key that others could read";
  EXPECT_THAT(activated.error().message, HasSubstr("chmod 600"));
}

TEST_F(KeyRotation, has_nothing_to_run_with_without_a_current_key) {
  ASSERT_TRUE(make_next_key(file, false));
  std::filesystem::remove(file);
  EXPECT_FALSE(load_key_ring(file));
  EXPECT_FALSE(make_next_key(file, true));
}

}  // namespace
}  // namespace clusteragent::transport
