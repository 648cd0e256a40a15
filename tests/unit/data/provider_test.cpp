// The agent's side of an engine that dies: what the core is told, and for how long.
#include "agent/data/provider.hpp"

#include <gtest/gtest.h>

namespace clusteragent::data {
namespace {

using std::chrono::milliseconds;

struct Told {
  int deaths = 0;
  int finished = 0;
  void operator()(const core::Event& event) {
    if (const auto* failed = std::get_if<core::ProcessFailed>(&event); failed != nullptr) {
      EXPECT_EQ(failed->process, "filesync");
      EXPECT_EQ(failed->action, core::FailureAction::stopstart);
      deaths++;
    }
    finished += std::holds_alternative<core::ActionFinished>(event) ? 1 : 0;
  }
};

class Provider : public testing::Test {
 protected:
  void SetUp() override {
    // An engine that ends at once.
    auto opened = FilesyncProvider::open(io, {}, "/bin/false", [this](const core::Event& event) { told(event); });
    ASSERT_TRUE(opened);
    provider = std::move(*opened);
  }

  Told told;
  boost::asio::io_context io;
  std::unique_ptr<FilesyncProvider> provider;
};

TEST_F(Provider, says_again_that_its_engine_died_until_the_data_is_let_go_of) {
  provider->follow({Token{1}, Epoch{2}, Epoch{}});
  io.run_for(milliseconds{1500});
  EXPECT_GE(told.finished, 1);
  EXPECT_EQ(told.deaths, 2);
  provider->release({Token{2}});
  io.run_for(milliseconds{2500});
  EXPECT_EQ(told.deaths, 2);
}

TEST_F(Provider, says_nothing_of_an_engine_that_had_nothing_to_do) {
  io.run_for(milliseconds{1500});
  EXPECT_EQ(told.deaths, 0);
}

}  // namespace
}  // namespace clusteragent::data
