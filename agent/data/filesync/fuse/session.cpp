#include "agent/data/filesync/fuse/session.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/base/assert.hpp"

namespace clusteragent::filesync::fuse {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr const char* file_system_type = "fuse.clusteragent";
// Newer than the header of Debian 12 (kernel 6.6): mmap of files that are opened without the page cache.
constexpr std::uint64_t direct_io_allow_mmap = 1ULL << 36;
// The same (kernel 6.9): FUSE_NOTIFY_RESEND.
constexpr int notify_resend = 7;

// A worker that waits for the kernel is woken by it to see that the end has come; sent again until it has seen it.
constexpr int wake_signal = SIGUSR1;
constexpr std::chrono::milliseconds wake_pause{2};

/// Good for seconds, and cheaper than the clock that is good for less.
std::int64_t now_coarsely() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}).count();
}

bool let_signal_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  return ::sigaction(wake_signal, &action, nullptr) == 0;
}

/// The data of a write begins on a page: both heads stand before it.
struct Buffer {
  static constexpr std::size_t heads = sizeof(fuse_in_header) + sizeof(fuse_write_in);
  static constexpr std::size_t bytes = heads + write_bytes_max;
  std::unique_ptr<void, decltype(&std::free)> memory{std::aligned_alloc(page_bytes, 2 * page_bytes + write_bytes_max),
                                                     &std::free};
  /// A page that this process never had is not given to it while it is being killed: what the kernel was handing over
  /// would be lost to the next engine as well.
  Buffer() { std::memset(memory.get(), 0, 2 * page_bytes + write_bytes_max); }
  std::byte* begin() const { return static_cast<std::byte*>(memory.get()) + page_bytes - heads; }
};

struct Mounted {
  std::string type;
  std::string source;
};

/// What the directory shows, by the kernel's number for that mount: the table of mounts has paths as they are without
/// symbolic links, and with some characters in another form. Asks no file system, so one that hangs does no harm.
Mounted mounted_on(const std::string& directory) {
  const platform::Fd place{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!place) return {};
  std::string wanted;
  std::ifstream about{fmt::format("/proc/self/fdinfo/{}", place.number())};
  for (std::string key; about >> key && wanted.empty();) {
    if (key == "mnt_id:") about >> wanted;
  }
  std::ifstream table{"/proc/self/mountinfo"};
  for (std::string line; std::getline(table, line);) {
    const auto details = line.find(" - ");
    if (line.substr(0, line.find(' ')) != wanted || details == std::string::npos) continue;
    Mounted found;
    std::istringstream{line.substr(details + 3)} >> found.type >> found.source;
    return found;
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Session>> Session::mount(const std::string& directory, const std::string& name, Handler& handler,
                                                bool has_acl) {
  platform::Fd device{::open("/dev/fuse", O_RDWR | O_CLOEXEC)};
  if (!device) {
    return Error{
        ErrorCode::system,
        fmt::format(
            "cannot open /dev/fuse: {}; load the kernel module (modprobe fuse), or give the container that device",
            std::strerror(errno))};
  }
  // Two engines that live at once never have the same; the number of a mount, and that of its device, are given again.
  std::string source = fmt::format("{}:{}", name, ::getpid());
  const std::string options =
      fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", device.number());
  if (::mount(source.c_str(), directory.c_str(), file_system_type, MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot mount over {}: {}", directory, std::strerror(errno))};
  }
  std::shared_ptr<Session> session{new Session{directory, std::move(source), std::move(device), handler, has_acl}};
  session->start();
  return session;
}

Result<std::shared_ptr<Session>> Session::take_over(const std::string& directory, const std::string& source,
                                                    platform::Fd device, Handler& handler) {
  std::shared_ptr<Session> session{new Session{directory, source, std::move(device), handler, false}};
  if (!session->is_in_place())
    return Error{ErrorCode::refused, fmt::format("{} does not show the former engine's mount", directory)};
  // Before anybody here takes a request (start): those would be sent again as well.
  fuse_out_header resend{};
  resend.len = sizeof resend;
  resend.error = notify_resend;
  if (::write(session->device_.number(), &resend, sizeof resend) != static_cast<ssize_t>(sizeof resend)) {
    return Error{ErrorCode::system, fmt::format("the kernel does not send again what the former engine of {} took: {}",
                                                directory, std::strerror(errno))};
  }
  return session;
}

void Session::start() {
  static const bool is_interruptible = let_signal_interrupt();
  CLUSTERAGENT_ASSERT(is_interruptible);
  running_ = workers_count;
  for (unsigned count = 0; count < workers_count; ++count)
    workers_.emplace_back([this, count] { serve(taken_at_[count]); });
}

Session::~Session() {
  end();
}

void Session::end() {
  if (workers_.empty()) return;
  // Without force first: what the kernel still has of mapped files is written then. A mount that is held lives on
  // without a name, until the end of the device fails what its holders try.
  if (is_in_place() && ::umount2(directory_.c_str(), 0) != 0) ::umount2(directory_.c_str(), MNT_DETACH);
  is_over_ = true;
  while (running_ > 0) {
    for (std::thread& worker : workers_) ::pthread_kill(worker.native_handle(), wake_signal);
    std::this_thread::sleep_for(wake_pause);
  }
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  const std::lock_guard lock{closing_};
  device_.reset();
}

bool Session::is_in_place() const {
  const Mounted there = mounted_on(directory_);
  return there.type == file_system_type && there.source == source_;
}

bool Session::take_request(std::byte* buffer, std::size_t bytes, std::atomic<std::int64_t>& taken_at) {
  const ssize_t size = ::read(device_.number(), buffer, bytes);
  if (size < 0) return errno == EINTR || errno == EAGAIN || errno == ENOENT;
  if (static_cast<std::size_t>(size) < sizeof(fuse_in_header)) return true;
  const auto& head = *reinterpret_cast<const fuse_in_header*>(buffer);
  const Request request{head,
                        {buffer + sizeof(fuse_in_header), static_cast<std::size_t>(size) - sizeof(fuse_in_header)}};
  if (head.opcode == FUSE_INIT) {
    begin(head, request.as<fuse_init_in>());
    return true;
  }
  taken_at = now_coarsely();
  if (const int error = handler_.handle(*this, request); error != 0) reply_error(head.unique, error);
  taken_at = 0;
  return true;
}

Duration Session::longest_under_way() const {
  std::int64_t first = 0;
  for (const auto& each : taken_at_) {
    const std::int64_t at = each;
    if (at != 0 && (first == 0 || at < first)) first = at;
  }
  return first == 0 ? Duration::zero() : Duration{now_coarsely() - first};
}

void Session::serve(std::atomic<std::int64_t>& taken_at) {
  const Buffer buffer;
  while (!is_over_ && take_request(buffer.begin(), Buffer::bytes, taken_at)) {
  }
  running_--;
}

void Session::begin(const fuse_in_header& head, const fuse_init_in& offered) {
  const std::uint64_t kernel = offered.flags | (std::uint64_t{offered.flags2} << 32);
  // Not FUSE_WRITEBACK_CACHE: it would lose the order in which the application wrote.
  const std::uint64_t wanted = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS |
                               FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_MAX_PAGES | FUSE_INIT_EXT |
                               FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT | direct_io_allow_mmap | has_resend |
                               (has_acl_ ? FUSE_POSIX_ACL | FUSE_DONT_MASK : 0);
  const std::uint64_t granted = wanted & kernel;
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = FUSE_KERNEL_MINOR_VERSION;
  out.max_readahead = offered.max_readahead;
  out.flags = static_cast<std::uint32_t>(granted);
  out.flags2 = static_cast<std::uint32_t>(granted >> 32);
  out.max_background = 64;
  out.congestion_threshold = 48;
  out.max_write = write_bytes_max;
  out.max_pages = write_bytes_max / page_bytes;
  out.time_gran = 1;
  handler_.begun(granted);
  reply(head, out);
}

void Session::reply(std::uint64_t request, std::span<const std::byte> body) {
  fuse_out_header head{};
  head.len = static_cast<std::uint32_t>(sizeof head + body.size());
  head.unique = request;
  std::array<iovec, 2> parts{{{&head, sizeof head}, {const_cast<std::byte*>(body.data()), body.size()}}};
  // Refused only when nobody waits any more.
  const std::shared_lock lock{closing_};
  (void)!::writev(device_.number(), parts.data(), body.empty() ? 1 : 2);
}

void Session::reply_error(std::uint64_t request, int error) {
  fuse_out_header head{};
  head.len = sizeof head;
  head.error = -error;
  head.unique = request;
  const std::shared_lock lock{closing_};
  (void)!::write(device_.number(), &head, sizeof head);
}

bool has_stale_mount(const std::string& directory) {
  return mounted_on(directory).type == file_system_type;
}

bool remove_stale_mount(const std::string& directory) {
  bool was_there = false;
  while (has_stale_mount(directory) && ::umount2(directory.c_str(), MNT_DETACH) == 0) was_there = true;
  return was_there;
}

}  // namespace clusteragent::filesync::fuse
