// Two servers, two planners, a protection and a little core, with crashes, restarts, cuts and appliers that fail, drawn
// by a seed. After every step: never two writable servers in the promise of one tenure, no promotion over what was
// acknowledged, no commit answered alone before the other copy is on record as out of date.
#include <gmock/gmock.h>

#include <array>
#include <random>

#include "modules/mysql_replication/engine/plan/protection.hpp"
#include "tests/unit/mysql/situations.hpp"

namespace clusteragent::mysql {
namespace {

using namespace testing_support;

constexpr std::array<Endpoint, 2> endpoints{own_endpoint, peer_endpoint};

/// A MariaDB, as far as the planner can tell: one domain, so what it has is a number of transactions and their writers.
struct FakeServer {
  bool is_up = true;
  std::vector<unsigned> log;       // of each transaction who wrote it first, by number
  std::vector<unsigned> received;  // what is in the relay log and beyond, from the beginning
  bool is_writable = false;
  bool has_source = false;
  bool is_receiving = false;
  bool is_applying = false;
  bool has_applier_error = false;
  bool is_semi_sync = false;
  bool is_vouched = false;
  std::int64_t started_at = 1000;

  static std::string text(const std::vector<unsigned>& all) {
    std::array<std::size_t, 2> last{};
    for (std::size_t at = 0; at < all.size(); ++at) last.at(all[at] - 1) = at + 1;
    std::string gtid;
    for (unsigned id = 1; id <= 2; ++id) {
      if (last.at(id - 1) != 0)
        gtid += (gtid.empty() ? "0-" : ",0-") + std::to_string(id) + "-" + std::to_string(last.at(id - 1));
    }
    return gtid;
  }
  void restart() {
    is_up = true;
    is_writable = is_receiving = is_applying = is_semi_sync = is_vouched = false;
    received = log;  // the relay log is thrown away
    has_applier_error = false;
    started_at += 100;
  }
};

class World {
 public:
  explicit World(unsigned seed) : random_{seed} {}

  void run() {
    order_lead(0, true);
    order(1, Role::standby);
    for (int round = 0; round < 1500 && !testing::Test::HasFatalFailure(); ++round) {
      fault();
      write();
      replicate_some();
      for (unsigned node : {0U, 1U}) turn(node);
      core();
    }
  }
  unsigned promotions = 0;
  unsigned syncs = 0;
  unsigned refusals = 0;

 private:
  struct Node {
    FakeServer server;
    Role role = Role::none;
    std::optional<Protection> protection;
    Following following;
    View own;
    View peer;
    bool is_settled = false;
    bool was_refused = false;
  };

  unsigned draw(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  FakeServer& server(unsigned node) { return nodes_.at(node).server; }

  View look(unsigned at) {
    const FakeServer& from = server(at);
    View view;
    view.look = ++looks_;
    if (!from.is_up) return view;
    view = mysql::testing_support::server(at + 1, FakeServer::text(from.log), view.look);
    view.purged = Gtids{};
    view.state.is_read_only = !from.is_writable;
    view.state.started_at = from.started_at;
    view.state.is_vouched = from.is_vouched;
    view.state.semi_sync->is_enabled = view.state.semi_sync->is_on = from.is_semi_sync;
    view.state.semi_sync->replicas = server(1 - at).is_up && server(1 - at).is_receiving && !is_cut_ ? 1 : 0;
    view.state.semi_sync->commits_waiting = is_waiting_.at(at) ? 1 : 0;
    if (!from.has_source) return view;
    mysql::testing_support::replicate(view, endpoints.at(1 - at), FakeServer::text(from.received));
    ReplicaStatus& replica = view.state.replica;
    replica.receiver = !from.is_receiving                 ? ReplicaThread::stopped
                       : is_cut_ || !server(1 - at).is_up ? ReplicaThread::connecting
                                                          : ReplicaThread::running;
    replica.applier = from.is_applying ? ReplicaThread::running : ReplicaThread::stopped;
    replica.applier_errno = from.has_applier_error ? 1062 : 0;
    return view;
  }

  /// The client of a commit that waits gets no answer.
  void crash(unsigned at) {
    server(at).is_up = false;
    is_waiting_.at(at) = false;
  }

  void fault() {
    switch (draw(60)) {
      case 0:
        crash(draw(2));
        break;
      case 1:
        is_cut_ = !is_cut_;
        break;
      case 2:
        if (const unsigned at = draw(2); server(at).is_up) {
          crash(at);
          server(at).restart();
        }
        break;
      case 3:
        if (FakeServer& one = server(draw(2)); one.is_up && one.has_source && one.is_applying && draw(4) == 0) {
          one.has_applier_error = true;
          one.is_applying = false;
        }
        break;
      case 4:
      case 5:
      case 6:
        for (unsigned node : {0U, 1U}) {
          if (!server(node).is_up) server(node).restart();
        }
        is_cut_ = false;
        break;
      default:
        break;
    }
  }

  /// The application writes wherever it can; an answer is a promise.
  void write() {
    for (unsigned node : {0U, 1U}) {
      FakeServer& here = server(node);
      if (!here.is_up || !here.is_writable || draw(2) != 0) continue;
      FakeServer& there = server(1 - node);
      if (is_waiting_.at(node)) continue;
      here.log.push_back(node + 1);
      here.received = here.log;
      if (here.is_semi_sync) {
        const bool is_received = there.is_up && there.is_receiving && there.has_source && !is_cut_ &&
                                 there.received.size() + 1 == here.log.size();
        if (!is_received) {
          is_waiting_.at(node) = true;
          continue;
        }
        there.received.push_back(node + 1);
      } else {
        // Answered alone: the record has to say that the other copy is out of date.
        ASSERT_TRUE(sync_set_ == 1U << node) << "an answer of one server alone while both are on record";
      }
      acknowledged_ = here.log;
    }
  }

  void replicate_some() {
    for (unsigned node : {0U, 1U}) {
      FakeServer& to = server(node);
      const FakeServer& from = server(1 - node);
      if (!to.is_up) continue;
      if (to.is_receiving && to.has_source && from.is_up && !is_cut_ && draw(3) != 0 &&
          to.received.size() < from.log.size() &&
          std::equal(to.received.begin(), to.received.end(), from.log.begin())) {
        to.received.push_back(from.log[to.received.size()]);
        if (from.is_semi_sync && to.received.size() == from.log.size() && is_waiting_.at(1 - node)) {
          is_waiting_.at(1 - node) = false;
          acknowledged_ = from.log;
        }
      }
      if (to.is_applying && to.log.size() < to.received.size() && draw(3) != 0)
        to.log.push_back(to.received[to.log.size()]);
    }
  }

  void turn(unsigned at) {
    Node& node = nodes_.at(at);
    if (draw(3) == 0) {
      node.own = look(at);
      if (node.role == Role::standby)
        node.following = followed(node.following, node.own, node.peer, endpoints.at(1 - at));
    }
    if (draw(2) == 0) {
      View peer = look(1 - at);
      if (is_cut_) peer.is_reachable = false;
      node.peer = peer;
    }
    if (node.protection && node.is_settled) {
      const auto outcome = node.protection->look(node.own, node.peer, endpoints.at(at), false);
      if (outcome.is_synced) {
        expect_successor(at);
        is_told_synced_ = true;
      }
      if (outcome.behind) is_told_synced_ = false, is_told_behind_ = true;
    }
    act(at, node);
  }

  /// From here on the primary may die at any moment; the standby's server may have, which is a second fault.
  void expect_successor(unsigned at) {
    const Node& standby = nodes_.at(1 - at);
    const bool is_same_life = standby.server.is_up && standby.server.started_at == nodes_.at(at).peer.state.started_at;
    if (!is_same_life || standby.role != Role::standby) return;
    ASSERT_TRUE(is_certain(standby.following, look(1 - at).state)) << "synced with a standby that would refuse to lead";
  }

  void act(unsigned at, Node& node) {
    Situation now;
    now.wish = {node.role, node.protection && node.protection->wants_semi_sync()};
    now.own = node.own;
    now.peer = node.peer;
    now.peer_endpoint = endpoints.at(1 - at);
    now.following = node.following;
    const Plan plan = next_step(now);
    if (plan.verdict == Verdict::done && node.role == Role::primary && !node.is_settled) {
      node.is_settled = true;
      node.following = {};
    }
    if (plan.verdict == Verdict::failed && node.role == Role::primary && !node.is_settled) {
      ++refusals;
      node.role = Role::none;
      node.protection.reset();
      node.was_refused = true;
    }
    // A step goes through the connection that was looked through, which ends with the server.
    const bool is_same_life = node.server.is_up && node.server.started_at == node.own.state.started_at;
    if (plan.verdict != Verdict::step || !is_same_life) return;
    carry_out(at, node, plan.step);
    node.own = look(at);
  }

  void carry_out(unsigned at, Node& node, Step step) {
    FakeServer& one = node.server;
    FakeServer& other = server(1 - at);
    switch (step) {
      case Step::fence:
        one.is_writable = false;
        is_waiting_.at(at) = false;
        break;
      case Step::semi_sync_on:
        one.is_semi_sync = true;
        break;
      case Step::semi_sync_off:
        ASSERT_FALSE(one.is_writable && sync_set_ != 1U << at) << "semi-sync ended before the core allowed it";
        ASSERT_FALSE(!one.is_writable && is_waiting_.at(at)) << "a commit that waited was answered";
        one.is_semi_sync = false;
        if (is_waiting_.at(at)) acknowledged_ = one.log;
        is_waiting_.at(at) = false;
        break;
      case Step::stop_receiver:
        one.is_receiving = false;
        break;
      case Step::start_receiver:
        one.is_receiving = true;
        break;
      case Step::start_applier:
        one.is_applying = one.is_receiving = true;
        break;
      case Step::forget_source:
        one.received = one.log;
        one.has_source = one.is_receiving = one.is_applying = false;
        break;
      case Step::make_writable:
        ASSERT_FALSE(one.has_applier_error) << "promoted over an applier error";
        ASSERT_FALSE(other.is_up && other.is_writable) << "two writable servers";
        ASSERT_TRUE(one.log.size() >= acknowledged_.size() &&
                    std::equal(acknowledged_.begin(), acknowledged_.end(), one.log.begin()))
            << "promoted without what was acknowledged";
        one.is_writable = true;
        ++promotions;
        break;
      case Step::follow_peer:
        ASSERT_TRUE(!one.is_writable);
        ASSERT_TRUE(std::equal(one.log.begin(), one.log.end(), other.log.begin(),
                               other.log.begin() + static_cast<long>(std::min(one.log.size(), other.log.size()))) &&
                    one.log.size() <= other.log.size())
            << "followed with transactions that the primary never had";
        node.following = follow_anew(node.own);
        one.received = one.log;
        one.has_source = one.is_receiving = one.is_applying = true;
        break;
      case Step::vouch:
      case Step::unvouch:
        one.is_vouched = step == Step::vouch;
        break;
      case Step::adopt:  // a copy is put in place here as a whole: provision()
      case Step::none:
        break;
    }
  }

  void order(unsigned at, Role role) {
    Node& node = nodes_.at(at);
    node.role = role;
    node.is_settled = node.was_refused = false;
    if (role != Role::primary) node.protection.reset();
  }
  void order_lead(unsigned at, bool is_solo) {
    order(at, Role::primary);
    nodes_.at(at).protection.emplace(is_solo);
    leader_ = at;
    is_told_behind_ = is_told_synced_ = false;
  }

  /// Widens, narrows, and lets the other one lead where it is in the sync set and this one is dead or has let go. A
  /// server whose copy diverged is replaced by a copy of the leader's.
  void core() {
    Node& leading = nodes_.at(leader_);
    if (is_told_synced_ && sync_set_ != 3U) {
      sync_set_ = 3U;
      ++syncs;
    }
    if (is_told_behind_ && draw(3) == 0) {
      is_told_behind_ = false;
      if (leading.protection && leading.protection->mode() == Mode::waiting) {
        sync_set_ = 1U << leader_;
        leading.protection->allow_solo();
      }
    }
    const unsigned other = 1 - leader_;
    const bool is_gone = !leading.server.is_up || !leading.server.is_writable;
    if (sync_set_ == 3U && is_gone && draw(20) == 0) {
      order(leader_, Role::none);
      if (!leading.server.is_writable) {
        sync_set_ = 1U << other;
        const unsigned former = leader_;
        order_lead(other, true);
        order(former, Role::standby);
      }
    }
    if (leading.was_refused && draw(10) == 0) {
      // Nobody can lead but the former primary, which has everything; the other one gets a copy.
      const unsigned former = 1 - leader_;
      sync_set_ = 1U << former;
      order(leader_, Role::standby);
      order_lead(former, true);
    }
    provision();
  }

  void provision() {
    Node& leading = nodes_.at(leader_);
    Node& standby = nodes_.at(1 - leader_);
    if (standby.role != Role::standby || !standby.server.is_up || !leading.server.is_up || draw(30) != 0) return;
    const auto& has = standby.server.log;
    const bool is_prefix =
        has.size() <= leading.server.log.size() && std::equal(has.begin(), has.end(), leading.server.log.begin());
    if (is_prefix && !standby.server.has_applier_error) return;
    if (sync_set_ == 3U) return;
    standby.server = FakeServer{};
    standby.server.started_at = 1000 + static_cast<std::int64_t>(looks_) * 10;
    standby.server.log = standby.server.received = leading.server.log;
    standby.following = {true, false, 0, looks_};
  }

  std::mt19937 random_;
  std::array<Node, 2> nodes_;
  std::array<bool, 2> is_waiting_{};  // a commit that is not answered
  std::vector<unsigned> acknowledged_;
  unsigned sync_set_ = 1;  // on record, by bits
  unsigned leader_ = 0;
  bool is_told_synced_ = false;
  bool is_told_behind_ = false;
  bool is_cut_ = false;
  LookNumber looks_ = 0;
};

TEST(PlannerSimulation, keeps_its_promises) {
  unsigned promotions = 0;
  unsigned syncs = 0;
  unsigned refusals = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world{seed};
    ASSERT_NO_FATAL_FAILURE(world.run());
    promotions += world.promotions;
    syncs += world.syncs;
    refusals += world.refusals;
  }
  // Faults that stop everything would prove nothing.
  EXPECT_GT(promotions, 1000U);
  EXPECT_GT(syncs, 500U);
  EXPECT_GT(refusals, 20U);
}

}  // namespace
}  // namespace clusteragent::mysql
