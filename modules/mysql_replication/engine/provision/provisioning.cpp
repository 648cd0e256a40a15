#include "modules/mysql_replication/engine/provision/provisioning.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

#include "agent/data/filesync/store/kept_file.hpp"
#include "modules/mysql_replication/engine/dialect/dialect.hpp"
#include "modules/mysql_replication/engine/provision/child.hpp"
#include "modules/mysql_replication/engine/provision/copy_maker.hpp"
#include "modules/mysql_replication/engine/provision/scratch_server.hpp"

namespace clusteragent::mysql {
namespace {

constexpr const char* position_file = "clusteragent-copy";
constexpr Duration tool_limit = std::chrono::hours{24};
constexpr Duration command_limit = std::chrono::minutes{10};
constexpr Duration unpack_limit = std::chrono::minutes{5};
constexpr std::chrono::milliseconds look_interval{50};
// What an empty database takes, beside which the copy's data come to lie.
constexpr std::uint64_t empty_database_bytes = 300ULL * 1024 * 1024;

CopyMeans means_here(const Options& options) {
  CopyMeans means;
  means.has_backup_tool = has_program("mariadb-backup") && has_program("mbstream");
  // Which family it is the primary says; what is missing then is told by name.
  for (const Family each : {Family::mariadb, Family::oracle}) {
    const Programs names = programs_of(each);
    if (has_program(names.client) && (!options.server_command.empty() || has_program(names.server)))
      means.has_loader = true;
  }
  return means;
}

}  // namespace

const char* text_of(CopyPhase phase) {
  switch (phase) {
    case CopyPhase::none:
      return "none";
    case CopyPhase::copying:
      return "copying";
    case CopyPhase::preparing:
      return "preparing";
    case CopyPhase::ready:
      return "ready";
    case CopyPhase::exchanging:
      return "exchanging";
    case CopyPhase::done:
      return "done";
    case CopyPhase::failed:
      return "failed";
  }
  return "";
}

Provisioning::Provisioning(const Options& options, const Accounts& accounts)
    : options_{options}, accounts_{accounts}, data_{options.data_directory}, keys_{options.keys} {}

Provisioning::~Provisioning() {
  cancel();
}

Provisioning::State Provisioning::state() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

bool Provisioning::is_under_way() const {
  return !is_ended_;
}

void Provisioning::set_keys(std::vector<filesync::SharedKey> keys) {
  const std::lock_guard lock{mutex_};
  keys_ = std::move(keys);
}

std::vector<filesync::SharedKey> Provisioning::keys() const {
  const std::lock_guard lock{mutex_};
  return keys_;
}

void Provisioning::enter(CopyPhase phase) {
  const std::lock_guard lock{mutex_};
  state_.phase = phase;
}

void Provisioning::begin() {
  start(CopyPhase::copying, [this] { return run(); });
}

void Provisioning::tidy() {
  if (data_.is_being_exchanged()) return start(CopyPhase::exchanging, [this] { return put_in_place(); });
  start(CopyPhase::none, [this] {
    end_left_over(data_.incoming());
    data_.drop_incoming();
    return success();
  });
}

void Provisioning::forget_former() {
  start(CopyPhase::none, [this] {
    data_.forget_former();
    return success();
  });
}

void Provisioning::start(CopyPhase phase, std::function<Status()> work) {
  if (thread_.joinable()) thread_.join();
  is_cancelled_ = may_exchange_ = is_ended_ = false;
  {
    const std::lock_guard lock{mutex_};
    state_ = {};
    state_.phase = phase;
  }
  thread_ = std::thread{[this, work = std::move(work)] {
    const Status done = work();
    {
      const std::lock_guard lock{mutex_};
      if (state_.phase != CopyPhase::none) state_.phase = done ? CopyPhase::done : CopyPhase::failed;
      state_.problem = done ? "" : done.error().message;
    }
    is_ended_ = true;
  }};
}

void Provisioning::exchange() {
  may_exchange_ = true;
}

void Provisioning::cancel() {
  is_cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

bool Provisioning::wait_for_order() {
  while (!may_exchange_ && !is_cancelled_) std::this_thread::sleep_for(look_interval);
  return !is_cancelled_;
}

Status Provisioning::run() {
  Status copied = copy();
  if (copied) enter(CopyPhase::ready);
  if (copied && !wait_for_order()) copied = Error{ErrorCode::refused, "the copy is no longer wanted"};
  if (!copied) {
    data_.drop_incoming();
    return copied;
  }
  enter(CopyPhase::exchanging);
  return put_in_place();
}

Status Provisioning::copy() {
  auto channel = filesync::Channel::connect(options_.own_address, options_.peer_address, options_.copy_port,
                                            channel_options(keys(), &is_cancelled_));
  if (!channel) {
    return Error{ErrorCode::unreachable,
                 fmt::format("the primary's engine does not answer at {} port {}: {}", options_.peer_address,
                             options_.copy_port, channel.error().message)};
  }
  if (const Status begun = data_.begin_incoming(); !begun) return begun;
  const auto is_unwanted = [this] { return is_cancelled_.load(); };
  CopyStream stream{std::move(*channel), means_here(options_), is_unwanted};
  const auto head = stream.head();
  if (!head) return head.error();
  const bool has_server = head->method != CopyMethod::backup;
  if (const Status fits = data_.check_room(head->bytes + (has_server ? empty_database_bytes : 0)); !fits) return fits;
  {
    const std::lock_guard lock{mutex_};
    state_.method = text_of(head->method);
    state_.bytes_total = head->bytes_sent > 0 ? head->bytes_sent : head->bytes;
  }
  const CopyPlace place{options_, accounts_, data_, is_unwanted};
  const OnBytes progress = [this](std::uint64_t bytes, std::uint64_t total) {
    const std::lock_guard lock{mutex_};
    state_.bytes = bytes;
    if (total > 0) state_.bytes_total = total;
  };
  const auto position = head->method == CopyMethod::clone  ? clone_data(place, *head, stream, progress)
                        : head->method == CopyMethod::dump ? load_dump(place, *head, stream, progress)
                                                           : unpack(stream, progress);
  // What was being made at that moment was only ended for it, and says no more than that.
  if (!position && stream.is_broken_off()) return Error{ErrorCode::unreachable, stream.why_over()};
  if (!position) return position.error();
  if (head->method == CopyMethod::clone) {
    if (const Status known = stream.finish(); !known) return known;
  }
  return note_position(*head, *position);
}

Result<std::string> Provisioning::unpack(CopyStream& stream, const OnBytes& progress) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{ErrorCode::system, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  platform::Fd from{ends[0]};
  platform::Fd to{ends[1]};
  auto tool = Child::start({.words = {"mbstream", "-x", "-C", data_.incoming()},
                            .input = from.number(),
                            .log_path = options_.state_path + "/unpack.log"});
  from.reset();
  if (!tool) return tool.error();
  std::uint64_t bytes = 0;
  const Status received = stream.feed(to.number(), [&](std::uint64_t more) { progress(bytes += more, 0); });
  to.reset();
  // What it says of itself is better than that nobody reads the pipe.
  const Status unpacked = tool->wait(unpack_limit, is_cancelled_);
  if (!received && received.error().code == ErrorCode::unreachable) return received.error();
  if (!unpacked || !received) return unpacked ? received.error() : unpacked.error();
  enter(CopyPhase::preparing);
  const Status prepared = run_child({.words = {"mariadb-backup", "--prepare", "--target-dir=" + data_.incoming()},
                                     .log_path = options_.state_path + "/prepare.log"},
                                    tool_limit, is_cancelled_);
  if (!prepared) return prepared.error();
  std::optional<std::string> told;
  for (const char* name : {"xtrabackup_binlog_info", "mariadb_backup_binlog_info"}) {
    if (!told) told = filesync::kept_file(data_.incoming(), name);
  }
  return position_of_backup(told.value_or(""));
}

Status Provisioning::note_position(const CopyHead& head, const std::string& position) {
  const auto dialect = dialect_of(head.version);
  if (!dialect) return dialect.error();
  const Family family = (*dialect)->family();
  const auto before = Gtids::parse(family, head.log_state);
  if (!before) return before.error();
  const auto copied = copy_position(family, *before, position);
  if (!copied) return copied.error();
  const nlohmann::json text = {{"position", copied->position}, {"log_state", copied->log_state}};
  if (const Status kept = filesync::keep_file(data_.incoming(), position_file, text.dump() + "\n"); !kept) return kept;
  return data_.finish_incoming();
}

Status Provisioning::run_command(const std::string& command, const std::string& name) {
  return run_child({.words = {"sh", "-c", command}, .log_path = options_.state_path + "/" + name + ".log"},
                   command_limit, never_);
}

Status Provisioning::put_in_place() {
  const Status stopped = run_command(options_.stop_command, "stop_command");
  const auto since = std::chrono::steady_clock::now();
  while (data_.is_in_use()) {
    if (!stopped || std::chrono::steady_clock::now() - since > command_limit) {
      return Error{ErrorCode::system,
                   fmt::format("the server does not end by stop_command ({}): {}", options_.stop_command,
                               stopped ? "it still has its data open" : stopped.error().message)};
    }
    std::this_thread::sleep_for(look_interval);
  }
  if (const Status exchanged = data_.exchange(); !exchanged) return exchanged;
  const Status started = run_command(options_.start_command, "start_command");
  if (started) return started;
  return Error{ErrorCode::system, fmt::format("the server does not start with its new data by start_command ({}): {}; "
                                              "the former data are in {}",
                                              options_.start_command, started.error().message, data_.former())};
}

std::optional<CopyPosition> Provisioning::unadopted() const {
  const auto text = filesync::kept_file(data_.path(), position_file);
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return CopyPosition{json.value("position", ""), json.value("log_state", "")};
}

Status Provisioning::adopted() const {
  if (::unlink((data_.path() + "/" + position_file).c_str()) == 0 || errno == ENOENT) return success();
  return Error{ErrorCode::system,
               fmt::format("cannot remove {}/{}: {}", data_.path(), position_file, std::strerror(errno))};
}

}  // namespace clusteragent::mysql
