#include "agent/data/filesync/engine/engine.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

namespace clusteragent::filesync {
namespace {

using data::Json;

constexpr std::chrono::milliseconds progress_interval{1000};
// What is on its way to a replica that answers is there long before that.
constexpr std::chrono::seconds drain_limit{10};

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

/// A descriptor for each file that the kernel or the stream knows.
void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max = std::max<rlim_t>(limit.rlim_max, 1024 * 1024);
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
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
    session = session_;
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

Status Engine::open_directory() {
  if (root_) return success();
  // Read-write paths for the application alone; what is behind it is reached by this descriptor from now on.
  root_ = platform::Fd{::open(options_->directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root_) {
    return Error{ErrorCode::system, fmt::format("cannot open the replicated directory {}: {}; make it, or mount what "
                                                "holds it, and start the module again",
                                                options_->directory, std::strerror(errno))};
  }
  return success();
}

Status Engine::check_contents() const {
  for (const std::string& path : options_->must_exist) {
    if (::faccessat(root_.number(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    return Error{ErrorCode::system, fmt::format("{} is missing in {}, and <tocheck> wants it before the directory is "
                                                "used: is its file system mounted?",
                                                path, options_->directory)};
  }
  return success();
}

Status Engine::mount(Stream* stream) {
  volume_ = std::make_unique<fuse::Volume>(
      platform::Fd{::openat(root_.number(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC)}, stream);
  auto mounted = fuse::Session::mount(options_->directory, "clusteragent-" + options_->module, *volume_);
  if (!mounted) return mounted.error();
  const std::lock_guard lock{mutex_};
  session_ = std::move(*mounted);
  return success();
}

void Engine::let_go() {
  // The mount first: what mapped files still hold goes into the stream.
  std::shared_ptr<fuse::Session> session;
  {
    const std::lock_guard lock{mutex_};
    session = session_;
  }
  if (session) session->end();
  if (leader_) {
    if (!leader_->drain(drain_limit))
      tell({{"is", "note"}, {"level", "C"}, {"text", "the other node did not get the last writes in time"}});
    leader_->stop();
  }
  follower_.reset();
  {
    const std::lock_guard lock{mutex_};
    session_.reset();
  }
  session.reset();
  volume_.reset();
  leader_.reset();
  root_.reset();
}

Status Engine::lead(std::uint64_t epoch, bool is_solo) {
  if (leader_) {
    leader_->set_epoch(epoch);
    return success();
  }
  let_go();
  if (incomplete_->is_set()) {
    return Error{ErrorCode::refused,
                 fmt::format("the copy of {} on {} is not complete: a reintegration was interrupted. Start the other "
                             "node, which has the data; to use this copy as it is, remove {} first",
                             options_->directory, options_->node, incomplete_->path())};
  }
  if (const Status opened = reopen_directory(true); !opened) return opened;
  if (const Status checked = check_contents(); !checked) return checked;
  LeaderOptions options{options_->module, options_->node,    options_->own_addresses,        options_->peer_addresses,
                        options_->port,   channel_options(), options_->acknowledges_on_disk, options_->confirm_limit};
  leader_ = std::make_unique<Leader>(std::move(options), root_.number(), epoch, is_solo, leader_events());
  if (const Status mounted = mount(leader_.get()); !mounted) {
    let_go();
    return mounted;
  }
  leader_->start();
  return success();
}

Status Engine::follow(std::uint64_t epoch, std::uint64_t diverged_epoch) {
  if (follower_) {
    follower_->set_epoch(epoch);
    return success();
  }
  let_go();
  if (const Status opened = reopen_directory(false); !opened) return opened;
  FollowerEvents events;
  events.set_consistent = [this](bool is_consistent) {
    if (is_consistent) forget_tampering();
    return incomplete_->set(!is_consistent);
  };
  events.note = leader_events().note;
  FollowerOptions options{options_->module, options_->node,    options_->own_addresses,
                          options_->port,   channel_options(), salvage(diverged_epoch)};
  follower_ = std::make_unique<Follower>(std::move(options), root_.number(), epoch, std::move(events));
  Status done = mount(nullptr);
  if (done) done = follower_->start();
  if (!done) let_go();
  return done;
}

void Engine::release() {
  const bool was_follower = follower_ != nullptr;
  if (leader_) forget_tampering();
  let_go();
  if (was_follower) close_directory();
}

void Engine::carry_out(const Json& command) {
  const std::string what = command.at("do");
  if (what == "configure") {
    options_ = data::engine_options(command);
    incomplete_.emplace(options_->state_path, "incomplete");
    await_former_engine();
    load_verification();
    load_tampering();
    if (fuse::remove_stale_mount(options_->directory))
      tell({{"is", "note"}, {"level", "E"}, {"text", "removed the mount that a former engine left behind"}});
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
  if (what == "give_up") {
    if (leader_) leader_->give_up();
    return;
  }
  Status done = success();
  if (what == "lead") done = lead(command.at("epoch"), command.at("solo"));
  if (what == "follow") done = follow(command.at("epoch"), command.at("diverged"));
  if (what == "verify") done = verify(command.at("repair"));
  if (what == "release") release();
  tell({{"is", "finished"},
        {"token", command.at("token")},
        {"ok", static_cast<bool>(done)},
        {"detail", done ? std::string{} : done.error().message}});
}

Json Engine::progress() {
  Json now = {{"directory", options_->directory}};
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
    if ((one.revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t size = ::recv(socket_, message.data(), message.size(), 0);
      if (size <= 0) break;
      carry_out(Json::parse(message.data(), message.data() + size));
    }
    seal_directory();
    if (options_) tell_progress();
  }
  if (options_) release();
  seal_directory();
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
  std::signal(SIGPIPE, SIG_IGN);
  // Modes come with every operation, complete.
  ::umask(0);
  raise_descriptor_limit();
  // Memory that this process needs to write is not to be won by writing through this process.
  ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  return Engine{data::engine_descriptor}.run();
}

}  // namespace clusteragent::filesync
