#include "modules/mysql_replication/engine/worker.hpp"

#include <fmt/format.h>

#include "agent/data/filesync/store/kept_file.hpp"

namespace clusteragent::mysql {
namespace {

constexpr std::chrono::milliseconds tick{1000};
// While a role is being taken; each look is three statements.
constexpr std::chrono::milliseconds hurry{5};
// While clients are served: as often as a commit that is slowed.
constexpr std::chrono::milliseconds approaching{20};
// While a standby catches up: it counts only when its node has on record that it has.
constexpr std::chrono::milliseconds catching_up{100};
// A new standby connects within this; before, its absence is no news.
constexpr std::chrono::seconds attach_patience{3};
// One look at the peer that fails is no verdict.
constexpr std::chrono::milliseconds silence_limit{2500};
// One order takes a handful of steps; what goes on longer waits for the next tick.
constexpr int steps_max = 32;
constexpr const char* following_file = "following";

Target own_target(const Options& options, const Accounts& accounts) {
  return {options.socket, options.own_address,     options.port,
          accounts,       std::chrono::seconds{1}, std::chrono::seconds{3}};
}

/// Removing large files takes its time.
Target log_target(const Options& options, const Accounts& accounts) {
  Target target = own_target(options, accounts);
  target.answer_limit = std::chrono::seconds{10};
  return target;
}

Target peer_target(const Options& options, const Accounts& accounts) {
  return {"", options.peer_address, options.peer_port, accounts, std::chrono::seconds{1}, std::chrono::seconds{2}};
}

const char* done_text(Role role) {
  switch (role) {
    case Role::none:
      return "read-only, without a role,";
    case Role::primary:
      return "primary";
    case Role::standby:
      return "standby";
  }
  return "";
}

}  // namespace

Worker::Worker(Options options, Accounts accounts, Tell tell)
    : options_{std::move(options)},
      accounts_{std::move(accounts)},
      tell_{std::move(tell)},
      own_endpoint_{options_.own_address, options_.port},
      peer_endpoint_{options_.peer_address, options_.peer_port},
      server_{own_target(options_, accounts_), looks_},
      provisioning_{options_, accounts_} {
  load_following();
  load_quick();
  provisioning_.tidy();
  donor_ =
      std::make_unique<Donor>(options_, accounts_, [this](char level, const std::string& text) { note(level, text); });
  log_keeper_ = std::make_unique<LogKeeper>(log_target(options_, accounts_), options_.binlog_bytes_max,
                                            [this](char level, const std::string& text) { note(level, text); });
  verifier_ =
      std::make_unique<Verifier>(own_target(options_, accounts_), peer_target(options_, accounts_), options_.state_path,
                                 [this](char level, const std::string& text) { note(level, text); });
  watch_ = std::make_unique<Watch>(peer_target(options_, accounts_), looks_, [this] {
    {
      const std::lock_guard lock{mutex_};
      has_seen_peer_ = true;
    }
    woken_.notify_one();
  });
  replicas_ = std::make_unique<FurtherReplicas>(
      options_, accounts_, looks_,
      [this] {
        {
          const std::lock_guard lock{mutex_};
          is_look_wanted_ = true;
        }
        woken_.notify_one();
      },
      [this](char level, const std::string& text) { note(level, text); });
  thread_ = std::thread{[this] { run(); }};
}

Worker::~Worker() {
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
  }
  woken_.notify_one();
  replicas_->end();
  thread_.join();
  watch_.reset();
  log_keeper_.reset();
  verifier_.reset();
  donor_.reset();
  replicas_.reset();
}

void Worker::order(Json command) {
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(std::move(command));
  }
  woken_.notify_one();
}

std::chrono::milliseconds Worker::pause() const {
  if (owed_) return hurry;
  if (approach_) return approaching;
  const bool is_attached = own_.is_reachable && is_following(own_.state.replica, peer_endpoint_);
  return role_ == Role::standby && is_attached && !following_.is_complete ? catching_up : tick;
}

bool Worker::sleep() {
  const auto limit = pause();
  std::unique_lock lock{mutex_};
  woken_.wait_for(lock, limit, [this] { return !orders_.empty() || has_seen_peer_ || is_look_wanted_ || is_ending_; });
  has_seen_peer_ = false;
  return !is_ending_;
}

void Worker::run() {
  auto looked = Clock::now() - tick;
  while (sleep()) {
    const auto now = Clock::now();
    View seen = watch_->newest();
    if (seen.is_reachable) {
      if (seen.look > peer_.look) {
        peer_answered_ = now;
        lag_.seen_primary(seen, now);
      }
      peer_ = std::move(seen);
    } else if (now - peer_answered_ > silence_limit) {
      peer_ = std::move(seen);
    }
    take_orders();
    if (owed_ || approach_ || take_wanted_look() || now - looked >= pause()) {
      look();
      looked = now;
    }
    come_closer();
    act();
    provision();
    oversee_replicas();
    keep_logs();
    verifier_->set_stop_reason(verify_obstacle());
    watch_over();
    tell_progress();
    tell_replica();
  }
  // The last act, within the limits of the connection.
  end_approach();
  role_ = Role::none;
  protection_.reset();
  for (int tries = 0; tries < 4; ++tries) {
    look();
    if (!own_.is_reachable || next_step(situation()).verdict != Verdict::step) break;
    act();
  }
}

bool Worker::take_wanted_look() {
  const std::lock_guard lock{mutex_};
  return std::exchange(is_look_wanted_, false);
}

void Worker::oversee_replicas() {
  if (role_ != Role::primary) return replicas_->rest();
  const bool is_settled = !owed_ && plan_.verdict == Verdict::done && own_.is_reachable && !own_.state.is_read_only;
  if (is_settled) replicas_->lead(own_, peer_);
}

void Worker::take_orders() {
  for (;;) {
    Json command;
    {
      const std::lock_guard lock{mutex_};
      if (orders_.empty()) return;
      command = std::move(orders_.front());
      orders_.pop_front();
    }
    take(command);
  }
}

void Worker::take(const Json& command) {
  const std::string what = command.at("do");
  if (what == "keys") {
    donor_->set_keys(read_keys(command.at("keys")));
    provisioning_.set_keys(read_keys(command.at("keys")));
  }
  if (what == "verify") verify(command);
  if (what == "allow_solo" && protection_) protection_->allow_solo();
  if (what == "give_up") {
    end_approach();
    role_ = Role::none;
    protection_.reset();
  }
  if (what == "lead") {
    const bool is_leading = role_ == Role::primary && protection_;
    begin(Role::primary, command);
    was_opened_ = is_leading;
    if (!is_leading) protection_.emplace(command.at("solo").get<bool>());
  }
  if (what == "follow") begin(Role::standby, command);
  if (what == "release") begin_approach(command);
}

void Worker::begin(Role role, const Json& command) {
  end_approach();
  answer(false, "another order came before this one was carried out");
  if (role != Role::primary) protection_.reset();
  if (role_ != role) {
    role_since_ = Clock::now();
    attached_ = role_since_;
    lag_.forget();
  }
  role_ = role;
  drain_since_.reset();
  plan_ = {};
  times_.clear();
  noted_.clear();
  owed_ = Owed{command.at("token"), role, Clock::now()};
}

void Worker::look() {
  own_ = server_.look(role_ == Role::primary && replicas_->want_purged());
  if (role_ == Role::standby) lag_.seen_standby(own_);
  const bool is_settled = own_.is_reachable && is_following(own_.state.replica, peer_endpoint_);
  if (role_ != Role::none) watch_->ask(role_ == Role::standby && !is_settled);
  if (role_ == Role::standby) remember(followed(following_, own_, peer_, peer_endpoint_));
}

Situation Worker::situation() const {
  Situation now;
  now.wish = {role_, protection_ && options_.has_semi_sync && protection_->wants_semi_sync()};
  now.own = own_;
  now.peer = peer_;
  now.peer_endpoint = peer_endpoint_;
  now.following = following_;
  now.is_drain_over = drain_since_ && Clock::now() - *drain_since_ > options_.drain_limit;
  now.is_copy_new = provisioning_.unadopted().has_value();
  now.certainty_path = options_.state_path + "/" + following_file;
  return now;
}

void Worker::act() {
  protect();
  for (int done = 0; done < steps_max && act_once(); ++done) look();
}

bool Worker::act_once() {
  plan_ = lasting(plan_, next_step(situation()), own_, peer_);
  if (plan_.verdict == Verdict::step) return carry_out(plan_);
  if (plan_.verdict == Verdict::wait && role_ == Role::primary && !drain_since_) drain_since_ = Clock::now();
  note_change(plan_);
  settle(plan_);
  rescue();
  return false;
}

bool Worker::carry_out(const Plan& plan) {
  if (plan.step == Step::follow_peer) remember(follow_anew(own_));
  if (plan.step == Step::make_writable) was_opened_ = true;
  const Source source{peer_endpoint_.address, peer_endpoint_.port, accounts_.replication.user,
                      accounts_.replication.password};
  const auto begun = Clock::now();
  const Status done = plan.step == Step::adopt ? adopt() : server_.carry_out(plan.step, source, own_.state);
  times_.add(text_of(plan.step), Clock::now() - begun);
  if (done) {
    if (plan.step == Step::semi_sync_on && own_.state.semi_sync && own_.state.semi_sync->is_enabled)
      mended_ = own_.state.semi_sync->weakness;
    if (plan.step == Step::follow_peer || plan.step == Step::make_writable || plan.step == Step::forget_source)
      note('E', fmt::format("{}: done, at {}", text_of(plan.step), own_.state.executed.text()));
    return true;
  }
  // A fence that a commit holds up succeeds once that is gone: said only where it stays so.
  plan_ = {Verdict::wait, Step::none, fmt::format("cannot {}: {}", text_of(plan.step), done.error().message)};
  note_change(plan_);
  settle(plan_);
  return plan.step == Step::fence;
}

// A server that is not there starts read-only.
bool Worker::is_closed() const {
  return own_.is_reachable ? own_.state.is_read_only : server_.is_absent();
}

void Worker::settle(const Plan& plan) {
  if (!owed_) return;
  const auto waited = Clock::now() - owed_->since;
  const bool is_fenced = is_closed() && (!own_.is_reachable || plan.verdict != Verdict::step);
  if (role_ != Role::primary) {
    if (is_fenced) return answer(true, "");
    if (waited > options_.switch_limit) answer(false, plan.reason);
    return;
  }
  if (plan.verdict == Verdict::done) {
    remember({});
    return answer(true, "");
  }
  const bool is_late = waited > std::max(options_.switch_limit, options_.drain_limit);
  if (plan.verdict == Verdict::wait && !is_late) return;
  // What was not reached is not reached later, when somebody else may lead.
  role_ = Role::none;
  protection_.reset();
  answer(false, plan.reason);
}

void Worker::protect() {
  if (role_ != Role::primary || !protection_ || owed_) return;
  const bool is_patient = Clock::now() - role_since_ < attach_patience;
  View own = own_;
  if (!options_.has_semi_sync) own.state.semi_sync.reset();
  const Mode before = protection_->mode();
  const Protection::Outcome outcome = protection_->look(own, peer_, own_endpoint_, is_patient);
  if (outcome.behind) tell_({{"is", "behind"}, {"reason", *outcome.behind}});
  if (outcome.is_synced) tell_({{"is", "synced"}});
  if (before != protection_->mode()) note('I', fmt::format("protection: {}", text_of(protection_->mode())));
}

void Worker::rescue() {
  if (const auto ended = rescue_.poll()) {
    is_rescued_ = static_cast<bool>(*ended);
    if (is_rescued_) rescue_path_ = **ended;
    const char* const then = options_.provisions_errant
                                 ? "now its data are replaced by the primary's"
                                 : "it does not follow until somebody has decided: make its data anew from the "
                                   "primary, or keep them";
    note('C',
         *ended ? fmt::format("what only this server has was written to {}; {}", **ended, then)
                : fmt::format("what only this server has could not be written to a file: {}", ended->error().message));
  }
  if (plan_.verdict != Verdict::errant || rescue_.is_under_way() || server_.dialect() == nullptr) return;
  // Else what came from the primary since it was looked at would count, another lot at each look.
  if (peer_.look <= own_.look) return;
  const Gtids& own = own_.state.executed;
  const Gtids& other = peer_.state.executed;
  const std::string errant = own.beyond(other).text();
  if (errant.empty() || errant == rescued_) return;
  rescued_ = errant;
  is_rescued_ = false;
  const auto logs = server_.log_files();
  if (!logs) return note('C', "what only this server has could not be written to a file: " + logs.error().message);
  const auto begun = rescue_.begin(options_.state_path + "/rescue", rescue_name(errant),
                                   server_.dialect()->rescue_tool(own, other), *logs);
  if (!begun) return note('C', "what only this server has could not be written to a file: " + begun.error().message);
  if (*begun) return;
  is_rescued_ = true;
  rescue_path_ = rescue_.path();
}

void Worker::answer(bool is_ok, const std::string& detail) {
  if (!owed_) return;
  const bool is_untouched = owed_->role == Role::primary && !is_ok && !was_opened_ && is_closed();
  tell_({{"is", "finished"}, {"token", owed_->token}, {"ok", is_ok}, {"detail", detail}, {"untouched", is_untouched}});
  if (is_ok) note('I', fmt::format("{} after {}", done_text(owed_->role), times_.text(Clock::now() - owed_->since)));
  owed_.reset();
}

void Worker::note(char level, const std::string& text) {
  tell_({{"is", "note"}, {"level", std::string(1, level)}, {"text", text}});
}

void Worker::note_change(const Plan& plan) {
  const bool is_alarm = plan.verdict == Verdict::failed || plan.verdict == Verdict::errant ||
                        plan.verdict == Verdict::purged || plan.verdict == Verdict::diverged;
  const std::string said = is_alarm ? plan.reason : std::string{};
  if (said == noted_) return;
  noted_ = said;
  if (is_alarm) note('C', said);
}

void Worker::remember(const Following& following) {
  if (following == following_) return;
  Following of_disk = following_;
  following_ = following;
  of_disk.since = following.since;
  if (of_disk == following) return;
  const Json text = {{"has_followed", following.has_followed},
                     {"is_complete", following.is_complete},
                     {"started_at", following.started_at}};
  const Status kept = filesync::keep_file(options_.state_path, following_file, text.dump() + "\n");
  if (kept) {
    keep_problem_.clear();
    return;
  }
  // Not on record: the primary is not to count on it. Tried again at the next look.
  following_.is_complete = false;
  if (keep_problem_ != kept.error().message) note('C', kept.error().message);
  keep_problem_ = kept.error().message;
}

void Worker::load_following() {
  const auto text = filesync::kept_file(options_.state_path, following_file);
  if (!text) return;
  const Json json = Json::parse(*text, nullptr, false);
  // Damaged: it cannot be told what this copy has, so it is not for certain.
  following_.has_followed = json.is_discarded() || json.value("has_followed", true);
  following_.is_complete = !json.is_discarded() && json.value("is_complete", false);
  following_.started_at = json.is_discarded() ? 0 : json.value("started_at", std::int64_t{0});
}

}  // namespace clusteragent::mysql
