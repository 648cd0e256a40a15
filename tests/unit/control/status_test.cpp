#include "agent/control/status.hpp"

#include <gmock/gmock.h>

namespace clusteragent::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsSupersetOf;

constexpr Instant now = Instant::from_nanoseconds(100'000'000'000);
const NodeIdentity identity{"web", "node1", "node2", "1.2.3"};

core::View primary_with_secondary() {
  core::View view;
  view.state = core::ModuleState::prim;
  view.activity = core::Activity::ready;
  view.since = now - seconds{60};
  view.reason = "node2 has joined as secondary";
  view.record = {Epoch{8}, Revision{1}, NodeId{0}, core::NodeSet::both()};
  view.holds_vip = true;
  view.permit_until = now + milliseconds{700};
  view.config_matches = true;
  view.peer.was_ever_heard = true;
  view.peer.is_silent = false;
  view.peer.last_heard = now - milliseconds{40};
  view.peer.status.state = core::ModuleState::second;
  view.peer.status.activity = core::Activity::ready;
  view.peer.status.is_promotable = true;
  return view;
}

Json fresh_document() {
  Json status = status_of(primary_with_secondary(), identity, now, seconds{3});
  status["paths"] = Json::array({{{"name", "default"},
                                  {"condition", "up"},
                                  {"loss_permille", 12},
                                  {"round_trip_us", 300},
                                  {"jitter_us", 20},
                                  {"peer_loss_permille", 0}}});
  status["peer_report"] = {{"version", "1.2.3"}};
  status["peer_report_age_ms"] = 400;
  return status;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(Status, has_the_keys_that_readers_rely_on) {
  const Json status = fresh_document();
  EXPECT_EQ(status.at("schema"), 1);
  EXPECT_THAT(keys_of(status),
              IsSupersetOf({"schema", "module", "node", "version", "stale_after_ms", "local", "seen_of_peer"}));
  EXPECT_THAT(keys_of(status.at("local")),
              IsSupersetOf({"state", "activity", "since_ms", "reason", "doing", "remedy", "epoch", "revision",
                            "last_primary", "sync_set", "holds_vip", "permit_left_ms", "promotable", "blocked",
                            "blocked_text", "restarts", "last_script_failure", "config_matches", "held"}));
  EXPECT_THAT(keys_of(status.at("seen_of_peer")),
              IsSupersetOf({"node", "heard", "silent", "process_gone", "deaf_to_us", "incompatible", "age_ms", "state",
                            "activity", "epoch", "revision", "promotable", "blocked", "blocked_text", "holds_vip",
                            "config_hash"}));
}

TEST(Status, says_for_how_long_a_node_is_held_and_when_it_tries_again) {
  core::View view = primary_with_secondary();
  EXPECT_FALSE(fresh_document().at("local").contains("next_try_ms"));
  EXPECT_FALSE(fresh_document().at("local").at("held").contains("left_ms"));
  view.role_changes = 5;
  view.role_changes_window = std::chrono::hours{1};
  view.held_until = now + seconds{24};
  view.next_try_at = now + seconds{8};
  const Json local = status_of(view, identity, now, seconds{3}).at("local");
  EXPECT_EQ(local.at("held"), Json({{"role_changes", 5}, {"window_ms", 3600000}, {"left_ms", 24000}}));
  EXPECT_EQ(local.at("next_try_ms"), 8000);
}

TEST(Status, counts_ages_from_the_moment_of_asking) {
  const Json status = fresh_document();
  EXPECT_EQ(status.at("local").at("since_ms"), 60000);
  EXPECT_EQ(status.at("local").at("permit_left_ms"), 700);
  EXPECT_EQ(status.at("seen_of_peer").at("age_ms"), 40);
}

TEST(ForgetStale, leaves_a_fresh_document_alone) {
  Json status = fresh_document();
  const Json before = status;
  forget_stale(status);
  EXPECT_EQ(status, before);
}

TEST(ForgetStale, makes_everything_a_silent_peer_said_unknown) {
  for (const char* sign : {"silent", "process_gone"}) {
    Json status = fresh_document();
    status["seen_of_peer"][sign] = true;
    forget_stale(status);
    EXPECT_TRUE(status.at("seen_of_peer").at("state").is_null()) << sign;
    EXPECT_TRUE(status.at("seen_of_peer").at("promotable").is_null()) << sign;
    EXPECT_TRUE(status.at("peer_report").is_null()) << sign;
    EXPECT_TRUE(status.at("local").at("config_matches").is_null()) << sign;
    EXPECT_TRUE(status.at("paths").front().at("peer_loss_permille").is_null()) << sign;
    EXPECT_EQ(status.at("seen_of_peer").at("age_ms"), 40) << "how old it is stays known";
  }
}

TEST(ForgetStale, makes_an_old_heartbeat_unknown_before_any_verdict) {
  Json status = fresh_document();
  status["seen_of_peer"]["age_ms"] = 3001;
  forget_stale(status);
  EXPECT_TRUE(status.at("seen_of_peer").at("state").is_null());
}

TEST(ForgetStale, drops_an_old_report_of_a_peer_that_is_heard) {
  Json status = fresh_document();
  status["peer_report_age_ms"] = 3001;
  forget_stale(status);
  EXPECT_TRUE(status.at("peer_report").is_null());
  EXPECT_EQ(status.at("seen_of_peer").at("state"), "SECOND");
}

TEST(ForgetStale, forgets_what_was_measured_on_a_silent_path) {
  Json status = fresh_document();
  status["paths"][0]["condition"] = "silent";
  forget_stale(status);
  const Json& path = status.at("paths").front();
  EXPECT_TRUE(path.at("loss_permille").is_null());
  EXPECT_TRUE(path.at("round_trip_us").is_null());
  EXPECT_EQ(path.at("peer_loss_permille"), 0) << "the peer, heard on another path, still tells what it misses";
}

TEST(ForgetStale, survives_documents_of_any_shape) {
  for (const char* text : {"null", "7", "[]", "{}", R"({"seen_of_peer":7})", R"({"seen_of_peer":{"age_ms":"x"}})",
                           R"({"paths":{"a":1}})", R"({"paths":[1,null,{"condition":7}],"seen_of_peer":{}})",
                           R"({"seen_of_peer":{"silent":1},"local":[],"stale_after_ms":{}})"}) {
    Json status = Json::parse(text);
    forget_stale(status);
  }
}

}  // namespace
}  // namespace clusteragent::control
