#pragma once
// Session: one FUSE mount over a directory and the threads that take the kernel's requests from it, by the raw ABI of
// <linux/fuse.h>. What the requests mean is the handler's affair.
//
// Ownership: the mount and its threads live until end(), and for as long as somebody else has the device, without an
// answer to anybody (device()); the handler must outlive end(). The mount is taken away, with
// force where somebody holds it, upon which the kernel fails what is open (ENOTCONN). What somebody else has mounted
// over it, or in its place, stays.
// Threads: replies from any, also after the end, when they go nowhere; a request is answered exactly once.
#include <linux/fuse.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync::fuse {

// The largest write of one request: what the kernel allows (256 pages).
inline constexpr std::uint32_t write_bytes_max = 1024 * 1024;

struct Request {
  const fuse_in_header& head;
  std::span<const std::byte> body;

  template <typename T>
  const T& as() const {
    return *reinterpret_cast<const T*>(body.data());
  }
  /// A name behind a structure of that size.
  const char* text(std::size_t skip = 0) const { return reinterpret_cast<const char*>(body.data()) + skip; }
};

// What is newer than the header of Debian 12 (kernel 6.9): whoever takes a device over gets again what was taken from
// it and not answered, with a mark in its number, which the reply has as well.
inline constexpr std::uint64_t has_resend = 1ULL << 39;
inline constexpr std::uint64_t resend_mark = 1ULL << 63;
inline bool is_sent_again(const fuse_in_header& head) {
  return (head.unique & resend_mark) != 0;
}
inline std::uint64_t number_of(const fuse_in_header& head) {
  return head.unique & ~resend_mark;
}

inline constexpr unsigned workers_count = 6;

class Session;

class Handler {
 public:
  virtual ~Handler() = default;
  /// Returns an errno to reply; 0 when it has replied, or will, or the request wants no reply.
  virtual int handle(Session& session, const Request& request) = 0;
  /// The kernel's answer to what was wanted of it (FUSE_INIT), before any other request.
  virtual void begun(std::uint64_t granted) = 0;
};

class Session {
 public:
  /// `name` stands in /proc/mounts as the source, with the number of this process behind it. Blocks until the kernel
  /// has the mount. `has_acl`: the kernel checks access control lists, and leaves the umask to the handler.
  static Result<std::shared_ptr<Session>> mount(const std::string& directory, const std::string& name, Handler& handler,
                                                bool has_acl);
  /// The mount of an engine that has ended, with its device; `source`: as it stands in /proc/mounts. What that engine
  /// left unanswered comes first, after start(); before that the mount is not this one's to end. Refused: the directory
  /// does not show that mount.
  static Result<std::shared_ptr<Session>> take_over(const std::string& directory, const std::string& source,
                                                    platform::Fd device, Handler& handler);
  void start();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Returns when nothing of the mount is left; what the kernel still has of mapped files is written before, if nobody
  /// holds the mount. Once more: does nothing.
  void end();
  /// False: the directory shows something else by now, or nothing.
  bool is_in_place() const;
  const std::string& source() const { return source_; }
  /// Who holds it as well keeps the mount alive when this process dies.
  int device() const { return device_.number(); }

  void reply(std::uint64_t request, std::span<const std::byte> body);
  template <typename T>
  void reply(const fuse_in_header& request, const T& body) {
    reply(request.unique, std::as_bytes(std::span{&body, 1}));
  }
  void reply_empty(std::uint64_t request) { reply(request, {}); }
  void reply_error(std::uint64_t request, int error);
  /// How long the oldest of the requests takes that are being done; one that waits for the other node is not.
  Duration longest_under_way() const;

 private:
  Session(std::string directory, std::string source, platform::Fd device, Handler& handler, bool has_acl)
      : directory_{std::move(directory)},
        source_{std::move(source)},
        device_{std::move(device)},
        handler_{handler},
        has_acl_{has_acl} {}
  void serve(std::atomic<std::int64_t>& taken_at);
  bool take_request(std::byte* buffer, std::size_t bytes, std::atomic<std::int64_t>& taken_at);
  void begin(const fuse_in_header& head, const fuse_init_in& offered);

  const std::string directory_;
  const std::string source_;
  std::shared_mutex closing_;
  platform::Fd device_;
  Handler& handler_;
  const bool has_acl_;
  std::atomic<bool> is_over_ = false;
  std::atomic<unsigned> running_ = 0;
  std::array<std::atomic<std::int64_t>, workers_count> taken_at_{};  // by each worker, ns; 0: it waits for a request
  std::vector<std::thread> workers_;
};

/// Whether a former process left a mount of this kind there.
bool has_stale_mount(const std::string& directory);
/// It is taken away, whatever the directory is called there
/// (blanks, symbolic links); true: there was one.
bool remove_stale_mount(const std::string& directory);

}  // namespace clusteragent::filesync::fuse
