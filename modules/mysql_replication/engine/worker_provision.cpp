// The replacing of this node's data by a copy of the primary's: when it begins, what is on record before the exchange,
// and when the former data go.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::seconds first_pause{2};
constexpr std::chrono::seconds longest_pause{60};

}  // namespace

void Worker::provision() {
  donor_->set_leading(role_ == Role::primary && protection_ && !owed_);
  const Provisioning::State state = provisioning_.state();
  note_provisioning(state);
  if (provisioning_.is_under_way()) {
    if (role_ != Role::standby) return provisioning_.cancel();
    if (state.phase == CopyPhase::ready) record_exchange();
    return;
  }
  const bool is_in_use = role_ == Role::primary ? plan_.verdict == Verdict::done : own_.state.is_vouched;
  if (provisioning_.data().has_former() && own_.is_reachable && is_in_use) {
    note('E', "the new data are complete: the former ones are removed");
    return provisioning_.forget_former();
  }
  begin_provisioning();
}

void Worker::begin_provisioning() {
  ProvisionFacts facts;
  facts.role = role_;
  facts.plan = plan_;
  facts.peer = peer_;
  facts.provisions_errant = options_.provisions_errant;
  facts.is_rescued = is_rescued_ && !rescue_.is_under_way();
  facts.is_server_absent = !own_.is_reachable && server_.is_absent();
  facts.is_data_lost = facts.is_server_absent && provisioning_.data().is_lost();
  const std::string reason = reason_to_provision(facts);
  const auto now = Clock::now();
  if (plan_.verdict == Verdict::done) provision_problem_.clear();
  if (reason.empty() || now < provision_next_) return;
  provision_pause_ = std::clamp<Clock::duration>(provision_pause_ * 2, first_pause, longest_pause);
  provision_next_ = now + provision_pause_;
  std::string problem;
  if (own_.is_reachable) {
    const auto has = server_.data_directory();
    const std::filesystem::path wanted{provisioning_.data().path()};
    std::error_code ignored;
    if (has && !std::filesystem::equivalent(*has, wanted, ignored))
      problem = fmt::format("the server's data are in {}, and datadir= is {}", *has, wanted.string());
  }
  if (!problem.empty()) {
    if (problem != provision_problem_) note('C', "this node is not provisioned: " + problem);
    provision_problem_ = problem;
    return;
  }
  note('E', "this node's data are replaced by a copy of the primary's: " + reason);
  provisioning_.begin();
}

void Worker::record_exchange() {
  if (!peer_.is_reachable || peer_.state.is_read_only) return provisioning_.cancel();
  // Whatever happens from here on: this node does not lead before the copy has caught up.
  remember(follow_anew(own_));
  if (keep_problem_.empty()) provisioning_.exchange();
}

void Worker::note_provisioning(const Provisioning::State& state) {
  if (state.phase == noted_phase_) return;
  noted_phase_ = state.phase;
  if (state.phase == CopyPhase::exchanging) note('E', "the copy is ready: the server is stopped and gets its new data");
  if (state.phase == CopyPhase::done) {
    note('E', "the server has its new data");
    provision_problem_.clear();
    provision_pause_ = {};
  }
  if (state.phase != CopyPhase::failed) return;
  if (state.problem != provision_problem_) note('C', "this node is not provisioned: " + state.problem);
  provision_problem_ = state.problem;
  provision_next_ = Clock::now() + std::max<Clock::duration>(provision_pause_, first_pause);
}

Status Worker::adopt() {
  const auto copied = provisioning_.unadopted();
  if (!copied) return success();
  if (const Status told = server_.adopt(copied->log_state, copied->position); !told) return told;
  note('E', fmt::format("the new data stand at {} of the primary's log", copied->position));
  return provisioning_.adopted();
}

Json Worker::provision_progress() const {
  Json now = Json::object();
  const Provisioning::State state = provisioning_.state();
  if (provisioning_.is_under_way() && state.phase != CopyPhase::none) {
    now["phase"] = text_of(state.phase);
    if (!state.method.empty()) now["method"] = state.method;
    now["bytes"] = state.bytes;
    if (state.bytes_total > 0) now["bytes_total"] = state.bytes_total;
  }
  if (!provision_problem_.empty()) now["problem"] = provision_problem_;
  if (const std::uint64_t sent = donor_->sent_bytes(); sent > 0) now["bytes_sent"] = sent;
  return now;
}

}  // namespace clusteragent::mysql
