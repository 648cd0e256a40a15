#include "agent/control/render.hpp"

#include <gmock/gmock.h>

namespace clusteragent::control {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

Json document() {
  return Json::parse(R"({
    "schema": 1, "module": "web", "node": "node1", "version": "1.2.3", "stale_after_ms": 3000,
    "local": {"state": "PRIM", "activity": "Ready", "since_ms": 7384000, "reason": "node2 has joined as secondary",
              "doing": "", "remedy": "", "epoch": 8, "revision": 1, "last_primary": "node1",
              "sync_set": ["node1", "node2"], "holds_vip": true, "permit_left_ms": 650, "promotable": true,
              "blocked": "none", "blocked_text": "nothing",
              "restarts": {"used": 1, "max": 3, "window_left_ms": 3600000},
              "last_script_failure": "", "config_matches": true},
    "seen_of_peer": {"node": "node2", "heard": true, "silent": false, "process_gone": false, "deaf_to_us": false,
                     "incompatible": false, "age_ms": 40, "state": "SECOND", "activity": "Ready", "promotable": true,
                     "blocked": "none", "blocked_text": "nothing", "holds_vip": false},
    "peer_report_age_ms": 400,
    "peer_report": {"version": "1.2.3",
                    "local": {"state": "SECOND", "activity": "Ready", "since_ms": 7000000, "reason": "can take over",
                              "epoch": 8, "revision": 1, "last_primary": "node1", "sync_set": ["node2", "node1"],
                              "restarts": {"used": 0, "max": 3}},
                    "processes": [{"name": "httpd", "class": "prim", "armed": false, "problem": ""}]},
    "paths": [{"name": "default", "condition": "up", "age_ms": 40, "loss_permille": 12, "peer_loss_permille": 0,
               "round_trip_us": 312, "jitter_us": 20, "problem": ""}],
    "vip": [{"address": "192.0.2.9"}],
    "processes": [{"name": "httpd", "class": "prim", "armed": true, "count": 4, "problem": ""}],
    "frames": {"accepted": 100, "bad_mac": 0}, "warnings": []
  })");
}

TEST(RenderStatus, shows_both_nodes_on_one_screen) {
  EXPECT_EQ(render_status(document(), false, 90), R"(module web, configurations match: yes

              node1 (this node)                      node2 (peer)
state         PRIM Ready                             SECOND Ready
for           2 h 3 min                              1 h 56 min
why           node2 has joined as secondary          can take over
failover      is primary                             can take over
virtual IP    held, lease renewed, 650 ms left       not held
record        epoch 8.1 of node1; up to date:        epoch 8.1 of node1; up to date:
              node1, node2                           node2, node1
restarts      1 of 3, counted anew in 1 h 0 min      0 of 3
heartbeat     as below                               heard 40 ms ago
report        just now                               400 ms ago
agent         1.2.3                                  1.2.3

heartbeat     heard         loss      its loss  round trip  jitter     condition
default       40 ms ago     1.2 %     0.0 %     0.31 ms     0.02 ms    up

virtual IP    here        answered by
192.0.2.9     held        this node

process                   node1                            node2
httpd (prim)              4 running                        not watched in this state
)");
}

TEST(RenderStatus, says_who_serves_readers_and_why) {
  EXPECT_THAT(render_status(document(), false, 90), Not(HasSubstr("readers")));
  Json both = document();
  both["reader"] = {{"addresses", {"192.0.2.11"}}, {"holds", false}, {"fit", false}, {"why", "node2 serves them"}};
  both["peer_report"]["reader"] = {{"holds", true}, {"fit", true}, {"why", "fresh enough"}};
  EXPECT_THAT(render_status(both, false, 130),
              testing::ContainsRegex("readers +not served here: node2 serves them +served here: fresh enough"));
  both["peer_report"]["local"]["state"] = "ALONE";  // and its heartbeats say something newer
  EXPECT_THAT(render_status(both, false, 130), testing::ContainsRegex("readers +not served here: [^\n]+ +unknown"));
}

TEST(RenderStatus, says_what_is_held_and_when_a_blocked_node_tries_again) {
  Json status = document();
  EXPECT_THAT(render_status(status, false, 200), Not(AnyOf(HasSubstr("role changes"), HasSubstr("next try"))));
  status["local"]["held"] = {{"role_changes", 5}, {"window_ms", 3600000}, {"left_ms", 24000}};
  status["local"]["next_try_ms"] = 8000;
  const std::string shown = render_status(status, false, 200);
  EXPECT_THAT(shown, HasSubstr("5 role changes in the last 60 min; no voluntary move for 24.0 s"));
  EXPECT_THAT(shown, HasSubstr("in 8.0 s"));
}

TEST(RenderStatus, shows_which_node_diverged_until_somebody_acknowledges_it) {
  Json status = document();
  EXPECT_THAT(render_status(status, false, 400), Not(HasSubstr("diverged")));
  status["peer_report"]["local"]["diverged_epoch"] = 7;
  const std::string shown = render_status(status, false, 400);
  EXPECT_THAT(shown, HasSubstr("diverged"));
  EXPECT_THAT(shown, HasSubstr("under epoch 7"));
  EXPECT_THAT(shown, HasSubstr("clusteragent acknowledge"));
}

TEST(RenderStatus, shows_what_the_ping_targets_say) {
  Json status = document();
  const auto shown = [&status] { return render_status(status, false, 200); };
  EXPECT_THAT(shown(), Not(HasSubstr("ping")));
  status["ping"] = {{"name", "router"}, {"value", "init"}, {"answered_by", ""}, {"problem", ""}};
  EXPECT_THAT(shown(), HasSubstr("router: not asked now"));
  status["ping"]["value"] = "up";
  status["ping"]["answered_by"] = "192.0.2.1";
  EXPECT_THAT(shown(), HasSubstr("router: 192.0.2.1 answers"));
  status["ping"]["value"] = "down";
  EXPECT_THAT(shown(), HasSubstr("router: no address answers"));
  status["ping"]["problem"] = "cannot send to 192.0.2.1: Network is unreachable";
  EXPECT_THAT(shown(), HasSubstr("router: cannot send to 192.0.2.1: Network is unreachable"));
}

TEST(RenderStatus, shows_what_is_stale_as_unknown_and_never_the_last_good_value) {
  Json status = document();
  status["seen_of_peer"]["silent"] = true;
  status["seen_of_peer"]["age_ms"] = 12345;
  status["peer_report_age_ms"] = 12800;
  status["paths"][0]["condition"] = "silent";
  status["paths"][0]["age_ms"] = 12345;
  forget_stale(status);
  const std::string shown = render_status(status, false, 90);
  EXPECT_THAT(shown, Not(HasSubstr("SECOND")));
  EXPECT_THAT(shown, Not(HasSubstr("can take over")));
  EXPECT_THAT(shown, Not(HasSubstr("1.2 %")));
  EXPECT_THAT(shown, HasSubstr("state         PRIM Ready                             unknown\n"));
  EXPECT_THAT(shown, HasSubstr("heard 12.3 s ago; silent on every"));
  EXPECT_THAT(shown, HasSubstr("configurations match: unknown"));
  EXPECT_THAT(shown, HasSubstr("httpd (prim)              4 running                        unknown\n"));
}

TEST(RenderStatus, tells_before_the_failure_that_a_node_could_not_take_over) {
  Json status = document();
  status["seen_of_peer"]["promotable"] = false;
  status["seen_of_peer"]["blocked_text"] = "an interface with check=\"on\" has no link";
  EXPECT_THAT(render_status(status, false, 200),
              HasSubstr("not promotable because an interface with check=\"on\" has no link"));
}

TEST(RenderStatus, trusts_heartbeats_more_than_the_older_report) {
  Json status = document();
  status["seen_of_peer"]["state"] = "WAIT";
  status["seen_of_peer"]["activity"] = "NotReady";
  const std::string shown = render_status(status, false, 90);
  EXPECT_THAT(shown, HasSubstr("WAIT NotReady"));
  EXPECT_THAT(shown, Not(HasSubstr("1 h 56 min"))) << "the report's age belongs to another state";
}

TEST(RenderStatus, names_a_one_way_cut_on_the_side_that_is_not_heard) {
  Json status = document();
  status["paths"][0]["condition"] = "peer_deaf";
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("one-way cut: node2 does not hear node1"));
}

TEST(RenderStatus, names_a_one_way_cut_on_the_side_that_hears_nothing_when_another_path_tells) {
  Json status = document();
  status["paths"][0]["condition"] = "self_deaf";
  forget_stale(status);
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("one-way cut: node1 does not hear node2"));
  status["paths"][0]["condition"] = "silent";
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("silent: node2 is off, or the network is cut"));
}

TEST(RenderStatus, shows_a_stranger_on_the_address_refused_frames_and_warnings) {
  Json status = document();
  status["vip"][0]["answered_by"] = "02:00:00:00:00:07";
  status["frames"]["bad_mac"] = 3;
  status["warnings"] = {"no nftables"};
  const std::string shown = render_status(status, false, 90);
  EXPECT_THAT(shown, HasSubstr("02:00:00:00:00:07"));
  EXPECT_THAT(shown, HasSubstr("refused frames: bad_mac 3\n"));
  EXPECT_THAT(shown, HasSubstr("warning: no nftables"));
}

TEST(RenderStatus, says_how_the_copies_of_a_mirrored_directory_stand) {
  EXPECT_THAT(render_status(document(), false, 90), Not(HasSubstr("replication")));
  Json status = document();
  status["replication"] = {{"state", "reintegrating"},
                           {"bytes_done", 430'000'000},
                           {"bytes_all", 1'000'000'000},
                           {"directories", {"/srv/data", "/srv/logs"}}};
  EXPECT_THAT(render_status(status, false, 140), HasSubstr("reintegrating 43 %, 430 of 1000 MB"));
  EXPECT_THAT(render_status(status, false, 140), HasSubstr("/srv/data, /srv/logs"));
  status["replication"] = {{"state", "degraded"}};
  EXPECT_THAT(render_status(status, false, 140), HasSubstr("writes are on this node only"));
}

TEST(RenderStatus, says_what_the_newest_verification_found) {
  Json status = document();
  status["replication"] = {{"state", "up to date"}};
  EXPECT_THAT(render_status(status, false, 90), Not(HasSubstr("verified")));
  Json& verify = status["replication"]["verify"];
  verify = {{"state", "running"}, {"bytes", 30'000'000}, {"bytes_all", 70'000'000}, {"differences", 0}};
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("under way: 30 of about 70 MB, 0 differences"));
  verify = {{"state", "done"}, {"files", 12},      {"bytes", 70'000'000}, {"lasted_ms", 1500},
            {"age_ms", 5000},  {"differences", 0}, {"repaired", 0}};
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("both copies equal (5.0 s ago; 12 files, 70 MB in 1.5 s)"));
  verify["differences"] = 2;
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("2 differences: clusteragent rfs verify --repair"));
  verify["repaired"] = 2;
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("2 differences, repaired ("));
  verify["state"] = "ended";
  verify["reason"] = "the other node is not reached";
  EXPECT_THAT(render_status(status, false, 200), HasSubstr("not to its end: the other node is not reached"));
}

TEST(RenderStatus, colours_states_as_safekit_does) {
  Json status = document();
  EXPECT_THAT(render_status(status, true), HasSubstr("\x1b[1;32mPRIM Ready\x1b[0m"));
  status["local"]["activity"] = "Transient";
  EXPECT_THAT(render_status(status, true), HasSubstr("\x1b[1;35mPRIM Transient\x1b[0m"));
  status["local"]["state"] = "STOP";
  status["local"]["activity"] = "NotReady";
  EXPECT_THAT(render_status(status, true), HasSubstr("\x1b[1;31mSTOP NotReady\x1b[0m"));
  EXPECT_THAT(render_status(status, false), Not(HasSubstr("\x1b")));
}

TEST(RenderStatus, lets_no_text_steer_the_terminal) {
  Json status = document();
  status["local"]["last_script_failure"] = "exit code 1\n\x1b[2J\x07oops";
  status["peer_report"]["local"]["reason"] =
      "\xc2\x9b"
      "2J";
  const std::string shown = render_status(status, false);
  EXPECT_THAT(shown, HasSubstr("?[2J?oops"));
  EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shown, Not(HasSubstr("\xc2\x9b")));
}

// Each value of the document replaced by something of another type: nothing may throw.
void spoil(const Json& whole, const Json::json_pointer& at, std::size_t& rendered) {
  const Json& here = whole.at(at);
  for (const char* other : {"null", "7", "-1.5", "true", "\"x\"", "[]", "{}", "[[1]]", "18446744073709551615"}) {
    Json spoiled = whole;
    spoiled.at(at) = Json::parse(other);
    forget_stale(spoiled);
    render_status(spoiled, true, 80);
    ++rendered;
  }
  if (!here.is_structured()) return;
  for (const auto& [key, value] : here.items()) {
    spoil(whole, here.is_array() ? at / static_cast<std::size_t>(std::stoul(key)) : at / key, rendered);
  }
}

TEST(RenderStatus, survives_any_value_of_any_type) {
  std::size_t rendered = 0;
  spoil(document(), Json::json_pointer{}, rendered);
  EXPECT_GT(rendered, 700U);
}

TEST(DurationText, is_short_and_exact_enough) {
  EXPECT_EQ(duration_text(-5), "0 ms");
  EXPECT_EQ(duration_text(999), "999 ms");
  EXPECT_EQ(duration_text(1000), "1.0 s");
  EXPECT_EQ(duration_text(59'999), "59.9 s");
  EXPECT_EQ(duration_text(60'000), "1 min 0 s");
  EXPECT_EQ(duration_text(3'600'000), "1 h 0 min");
  EXPECT_EQ(duration_text(90'000'000), "1 d 1 h");
}

}  // namespace
}  // namespace clusteragent::control
