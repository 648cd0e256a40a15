#include "agent/data/filesync/engine/engine.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "agent/base/assert.hpp"
#include "agent/data/engine_socket.hpp"
#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"

namespace clusteragent::filesync {
namespace {

using data::Json;

constexpr std::chrono::milliseconds progress_interval{1000};
// What is on its way to a replica that answers is there long before that.
constexpr std::chrono::seconds drain_limit{10};
// Of what the agent has not read yet: some thousand removed files that it is to keep, while it has other work.
constexpr int unheard_bytes_max = 4 * 1024 * 1024;

const char* text_of(Mode mode) {
  switch (mode) {
    case Mode::waiting:
      return "waiting";
    case Mode::solo:
      return "degraded";
    case Mode::copying:
      return "reintegrating";
    case Mode::both:
      return "up to date";
  }
  return "";
}

}  // namespace

void Engine::tell(const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  (void)!::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
}

void Engine::answer(const Waiter& waiter, int error) {
  std::shared_ptr<fuse::Session> session;
  {
    const std::lock_guard lock{mutex_};
    session = mirrors_[waiter.volume].session;
  }
  if (!session) return;
  if (error != 0) return session->reply_error(waiter.request, error);
  if (!waiter.written) return session->reply_empty(waiter.request);
  fuse_write_out out{};
  out.size = *waiter.written;
  session->reply(waiter.request, std::as_bytes(std::span{&out, 1}));
}

ChannelOptions Engine::channel_options() const {
  ChannelOptions channel;
  for (const data::EngineKey& each : options_->keys) channel.keys.push_back({each.identity, each.key});
  channel.silence_limit = options_->silence_limit;
  channel.send_limit = options_->send_limit;
  return channel;
}

LeaderEvents Engine::leader_events() {
  LeaderEvents events;
  events.answer = [this](const Waiter& waiter, int error) { answer(waiter, error); };
  events.synced = [this] { tell({{"is", "synced"}}); };
  events.behind = [this](const std::string& reason) { tell({{"is", "behind"}, {"reason", reason}}); };
  events.note = [this](char level, const std::string& text) {
    tell({{"is", "note"}, {"level", std::string(1, level)}, {"text", text}});
  };
  events.verified = [this](const VerifyReport& report) { keep_verification(report); };
  return events;
}

Status Engine::open_directory(std::size_t at) {
  const data::EngineDirectory& wanted = options_->directories[at];
  platform::Fd& root = mirrors_[at].root;
  // Read-write paths for the application alone; what is behind it is reached by this descriptor from now on.
  root = platform::Fd{::open(wanted.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root) {
    return Error{ErrorCode::system, fmt::format("cannot open the replicated directory {} on {}: {}; make it, or mount "
                                                "what holds it, and start the module again",
                                                wanted.path, options_->node, std::strerror(errno))};
  }
  if (!handle_of(root.number())) {
    return Error{
        ErrorCode::system,
        fmt::format("the file system of {} on {} cannot name its files by handles: {}; keep the directory on one "
                    "that can, such as ext4, XFS or Btrfs",
                    wanted.path, options_->node, std::strerror(errno))};
  }
  for (const std::string& path : wanted.must_exist) {
    if (::faccessat(root.number(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    return Error{ErrorCode::system,
                 fmt::format("{} is missing in {} on {}, and <tocheck> wants it before the directory "
                             "is used: is its file system mounted?",
                             path, wanted.path, options_->node)};
  }
  return success();
}

Status Engine::open_directories() {
  for (std::size_t at = 0; at < mirrors_.size(); ++at) {
    if (const Status opened = open_directory(at); !opened) return opened;
  }
  return check_apart();
}

Status Engine::check_apart() const {
  for (std::size_t inner = 0; inner < mirrors_.size(); ++inner) {
    for (std::size_t outer = 0; outer < mirrors_.size(); ++outer) {
      if (inner == outer || !backing::is_inside(mirrors_[inner].root.number(), mirrors_[outer].root.number())) continue;
      // The configuration compares paths; where a symbolic link leads is seen here.
      return Error{ErrorCode::refused,
                   fmt::format("the replicated directory {} lies in {} on {}: every file can be in one of them only. "
                               "Name the outer one alone",
                               options_->directories[inner].path, options_->directories[outer].path, options_->node)};
    }
  }
  return success();
}

std::vector<std::string> Engine::prefixes() const {
  std::vector<std::string> all;
  for (const data::EngineDirectory& each : options_->directories)
    all.push_back(options_->directories.size() == 1 ? std::string{} : each.path + "/");
  return all;
}

std::vector<Directory> Engine::directories() const {
  std::vector<Directory> all;
  for (const Mirror& mirror : mirrors_) all.push_back({mirror.root.number(), &mirror.exclusion});
  return all;
}

Status Engine::mount(Stream* stream) {
  for (std::size_t at = 0; at < mirrors_.size(); ++at) {
    Mirror& mirror = mirrors_[at];
    auto inheritance = fuse::Inheritance::make();
    if (!inheritance) return inheritance.error();
    make_volume(at, stream, *inheritance);
    auto mounted = fuse::Session::mount(options_->directories[at].path, "clusteragent-" + options_->module,
                                        *mirror.volume, options_->has_acl);
    if (!mounted) return mounted.error();
    {
      const std::lock_guard lock{mutex_};
      mirror.session = std::move(*mounted);
      if (stream != nullptr) was_open_ = true;
      mirror.inheritance = std::move(*inheritance);
    }
    // What a secondary serves nobody depends upon.
    if (stream != nullptr) hand_over(at);
  }
  return success();
}

void Engine::let_go() {
  // The mounts first: what mapped files still hold goes into the stream.
  for (const Mirror& mirror : mirrors_) {
    if (mirror.session) mirror.session->end();
  }
  take_back_handed();
  if (leader_) {
    if (!leader_->drain(drain_limit))
      tell({{"is", "note"}, {"level", "C"}, {"text", "the other node did not get the last writes in time"}});
    leader_->stop();
  }
  follower_.reset();
  for (Mirror& mirror : mirrors_) {
    std::shared_ptr<fuse::Session> session;
    {
      const std::lock_guard lock{mutex_};
      session = std::exchange(mirror.session, nullptr);
    }
    session.reset();
    mirror.volume.reset();
    mirror.inheritance.reset();
  }
  leader_.reset();
  journal_.reset();
  for (Mirror& mirror : mirrors_) mirror.root.reset();
}

Status Engine::write_to_disk() const {
  // With async="second" the other node has acknowledged what this one had only in its page cache. From here on the
  // other one counts as out of date, so its disk is of no help if this node loses its power.
  for (const Mirror& mirror : mirrors_) {
    if (::syncfs(mirror.root.number()) == 0) continue;
    return Error{ErrorCode::system,
                 fmt::format("cannot write what was replicated in {} to disk: {}; look at that disk, then start the "
                             "module again",
                             data::directories_text(*options_), std::strerror(errno))};
  }
  return success();
}

Status Engine::lead(std::uint64_t epoch, bool is_solo) {
  if (leader_) {
    leader_->set_epoch(epoch);
    return success();
  }
  let_go();
  was_open_ = false;
  if (incomplete_->is_set()) {
    return Error{ErrorCode::refused,
                 fmt::format("the copy of {} on {} is not complete: a reintegration was interrupted. Start the other "
                             "node, which has the data; to use this copy as it is, remove {} first",
                             data::directories_text(*options_), options_->node, incomplete_->path())};
  }
  if (const Status opened = reopen(true); !opened) return opened;
  if (const Status kept = write_to_disk(); !kept) return kept;
  Marks known = own_marks();
  if (const Status begun = begin_history(); !begun) return begun;
  begin_leading(epoch, is_solo, std::move(known));
  if (const Status mounted = mount(leader_.get()); !mounted) {
    let_go();
    return mounted;
  }
  leader_->start();
  return success();
}

void Engine::begin_leading(std::uint64_t epoch, bool is_solo, Marks known) {
  LeaderOptions options{options_->module,
                        options_->node,
                        data::directories_text(*options_),
                        options_->own_addresses,
                        options_->peer_addresses,
                        options_->port,
                        channel_options(),
                        options_->acknowledges_on_disk,
                        options_->acknowledges_writes,
                        options_->confirm_limit,
                        options_->copy_limit,
                        options_->copy_bytes_per_second,
                        options_->copy_pieces,
                        led_,
                        journal_};
  leader_ =
      std::make_unique<Leader>(std::move(options), directories(), epoch, is_solo, std::move(known), leader_events());
}

Status Engine::follow(std::uint64_t epoch, std::uint64_t diverged_epoch) {
  if (follower_) {
    follower_->set_epoch(epoch);
    return success();
  }
  let_go();
  if (const Status opened = reopen(false); !opened) return opened;
  const std::shared_ptr<Salvage> salvage = this->salvage(diverged_epoch);
  // What is kept aside is what differs, whoever changed it: the primary has to compare everything.
  if (salvage) forget_history();
  FollowerEvents events;
  events.set_consistent = [this](bool is_consistent) {
    if (is_consistent) forget_tampering();
    return incomplete_->set(!is_consistent);
  };
  events.standing = [this] { return standing(); };
  events.own_marks = [this] { return own_marks(); };
  events.set_standing = [this](const Standing& standing) { return set_standing(standing); };
  events.note = leader_events().note;
  FollowerOptions options{
      options_->module,  options_->node, data::directories_text(*options_), options_->own_addresses, options_->port,
      channel_options(), salvage};
  follower_ = std::make_unique<Follower>(std::move(options), directories(), epoch, std::move(events));
  Status done = mount(nullptr);
  if (done) done = follower_->start();
  if (!done) let_go();
  return done;
}

void Engine::configure(const Json& command) {
  options_ = data::engine_options(command);
  incomplete_.emplace(options_->state_path, "incomplete");
  history_.emplace(options_->state_path);
  ::mkdir(options_->state_path.c_str(), 0750);
  if (!lock_) lock_.emplace(options_->state_path, socket_, leader_events().note);
  mirrors_.clear();
  // Otherwise take_over() comes, with an answer of its own.
  if (command.value("takes_over", false)) return;
  if (const Status alone = set_up(); !alone) return leader_events().note('C', alone.error().message);
  tell_dead_mounts();
}

void Engine::carry_out(const Json& command) {
  const std::string what = command.at("do");
  if (what == "configure") {
    configure(command);
    return;
  }
  if (what == "keys") {
    options_->keys = data::engine_keys(command.at("keys"));
    if (leader_) leader_->set_channel(channel_options());
    if (follower_) follower_->set_channel(channel_options());
    return;
  }
  if (what == "allow_solo") {
    if (leader_) leader_->allow_solo();
    return;
  }
  if (what == "check") return check(command.at("token"), Duration{command.at("limit_ns").get<std::int64_t>()});
  if (what == "give_up") {
    if (leader_) leader_->give_up();
    return;
  }
  // What another process may still work on is not touched.
  Status done = what == "release" ? success() : set_up();
  if (done && what == "lead") done = lead(command.at("epoch"), command.at("solo"));
  if (done && what == "take_over") done = take_over(command.at("epoch"), command.at("solo"));
  if (done && what == "follow") done = follow(command.at("epoch"), command.at("diverged"));
  if (done && what == "verify") done = verify(command.at("repair"));
  if (what == "release") close();
  tell({{"is", "finished"},
        {"token", command.at("token")},
        {"ok", static_cast<bool>(done)},
        {"detail", done ? std::string{} : done.error().message},
        {"untouched", what == "lead" && !done && !was_open_}});
}

Json Engine::progress() {
  Json now = {{"directories", Json::array()}};
  for (const data::EngineDirectory& each : options_->directories) now["directories"].push_back(each.path);
  if (leader_) {
    const CopyProgress copy = leader_->progress();
    now["state"] = text_of(leader_->mode());
    now["bytes_done"] = copy.bytes_done;
    now["bytes_all"] = copy.bytes_all;
    now["bytes_sent"] = copy.bytes_sent;
  } else if (follower_) {
    now["state"] = incomplete_->is_set() ? "incomplete" : follower_->is_connected() ? "following" : "not connected";
  } else {
    now["state"] = "off";
  }
  if (Json verified = verification(); !verified.is_null()) now["verify"] = std::move(verified);
  {
    const std::lock_guard lock{mutex_};
    if (!tampered_.is_null()) now["tampered"] = tampered_;
  }
  if (Json kept = salvaged(); !kept.is_null()) now["salvaged"] = std::move(kept);
  return now;
}

void Engine::tell_progress() {
  Json now = progress();
  if (now == told_) return;
  told_ = now;
  tell({{"is", "progress"}, {"status", now}});
}

int Engine::run() {
  std::vector<char> message(data::message_bytes_max);
  for (;;) {
    pollfd one{socket_, POLLIN, 0};
    const bool is_active = leader_ || follower_;
    if (::poll(&one, 1, is_active ? static_cast<int>(progress_interval.count()) : -1) < 0 && errno != EINTR) break;
    // What an agent said that is gone by now is not done any more.
    if ((one.revents & POLLHUP) != 0) break;
    if ((one.revents & POLLIN) != 0) {
      data::Received received = data::receive_message(socket_, message, 0);
      if (received.bytes <= 0) break;
      const Json command = Json::parse(message.data(), message.data() + received.bytes);
      if (command.at("do") == "hold")
        held_[command.at("key")] = {command.at("about"), std::move(received.descriptors)};
      else
        carry_out(command);
    }
    if (options_) tell_progress();
    threads_.place();
  }
  if (options_) close();
  if (checking_.joinable()) checking_.join();
  return 0;
}

int run_engine() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(data::engine_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    fmt::print(stderr, "clusteragent filesync is started by the agent (clusteragent run), not by hand\n");
    return 2;
  }
  ::close_range(data::engine_descriptor + 1, ~0U, 0);
  ::fcntl(data::engine_descriptor, F_SETFD, FD_CLOEXEC);
  ::setsockopt(data::engine_descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &unheard_bytes_max, sizeof unheard_bytes_max);
  std::signal(SIGPIPE, SIG_IGN);
  // Modes come with every operation, complete.
  ::umask(0);
  raise_descriptor_limit();
  // Memory that this process needs to write is not to be won by writing through this process.
  ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  return Engine{data::engine_descriptor}.run();
}

}  // namespace clusteragent::filesync
