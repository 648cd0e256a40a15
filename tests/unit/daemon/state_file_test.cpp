#include "agent/daemon/state_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace clusteragent::daemon {
namespace {

using testing::HasSubstr;

class StateFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("clusteragent-state-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ / "state"; }
  void write(const std::string& text) const { std::ofstream{path()} << text; }
  std::string read() const {
    std::ifstream file{path()};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  static core::DurableState sample() {
    core::DurableState state;
    state.record = core::Record{Epoch{41}, Revision{2}, NodeId{1}, core::NodeSet::only(NodeId{1})};
    state.is_wanted = true;
    state.was_primary = true;
    state.restarts_used = 2;
    state.restart_window_left = std::chrono::hours{3};
    return state;
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(StateFile, gives_back_what_was_saved) {
  ASSERT_TRUE(save_state(path(), sample()));
  const auto loaded = load_state(path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(**loaded, sample());
}

TEST_F(StateFile, keeps_a_proposal_apart_from_the_record) {
  core::DurableState state = sample();
  state.proposal = core::Record{Epoch{42}, Revision{1}, NodeId{0}, core::NodeSet::both()};
  ASSERT_TRUE(save_state(path(), state));
  const auto loaded = load_state(path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(**loaded, state);
  EXPECT_NE((**loaded).record, *(**loaded).proposal);
}

TEST_F(StateFile, keeps_the_mark_of_a_node_that_diverged) {
  core::DurableState state = sample();
  const std::string without = encode_state(state);
  EXPECT_EQ(without.find("diverged"), std::string::npos) << "as an older version writes it";
  EXPECT_EQ(decode_state(without, path())->diverged_epoch, Epoch{});
  state.diverged_epoch = Epoch{40};
  ASSERT_TRUE(save_state(path(), state));
  const auto loaded = load_state(path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(**loaded, state);
}

TEST_F(StateFile, is_absent_at_the_first_start) {
  const auto loaded = load_state(path());
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->has_value());
}

TEST_F(StateFile, refuses_every_single_damaged_byte_with_path_and_remedy) {
  const std::string whole = encode_state(sample());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
    const auto decoded = decode_state(damaged, "/var/lib/x/state");
    ASSERT_FALSE(decoded) << "byte " << at;
    EXPECT_THAT(decoded.error().message, HasSubstr("/var/lib/x/state"));
  }
}

TEST_F(StateFile, refuses_every_truncation) {
  const std::string whole = encode_state(sample());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_state(whole.substr(0, length), path())) << "length " << length;
  }
}

// The end of the window would lie before its beginning.
TEST_F(StateFile, refuses_a_restart_window_that_ended_before_it_was_written) {
  core::DurableState state = sample();
  state.restart_window_left = Duration{-1};
  EXPECT_FALSE(decode_state(encode_state(state), path()));
}

TEST_F(StateFile, names_the_version_of_a_newer_agent) {
  write("clusteragent-state 2\nsomething=new\n");
  const auto loaded = load_state(path());
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("newer clusteragent"));
  EXPECT_THAT(read(), HasSubstr("something=new")) << "and leaves the file alone";
}

TEST_F(StateFile, says_why_it_cannot_be_written) {
  const Status saved = save_state("/proc/clusteragent/state", sample());
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().message, HasSubstr("/proc/clusteragent/state.new"));
}

}  // namespace
}  // namespace clusteragent::daemon
