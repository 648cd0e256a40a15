#pragma once
// A netlink socket (rtnetlink, nfnetlink) for callers that build their own messages with libmnl or libnftnl.
//
// Ownership: moves, closes its descriptor when it goes. Threads: one caller at a time; a call may wait for the kernel's
// rtnl or nfnl lock, so it belongs on a worker thread, never on the decision thread.
// Errors: operating-system refusals come back as errno values (0: success), because callers judge them ("it was not
// there" is success for a removal).
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

struct mnl_socket;
struct nlmsghdr;

namespace clusteragent::platform {

/// A ready-made request for a netlink protocol: who cannot build it (the guard) only has to send it.
struct KernelMessage {
  int protocol = 0;
  std::vector<std::byte> bytes;
  friend bool operator==(const KernelMessage&, const KernelMessage&) = default;
};

using NetlinkHandler = std::function<void(const nlmsghdr&)>;

class NetlinkSocket {
 public:
  /// `protocol` is NETLINK_ROUTE, NETLINK_NETFILTER, ...; the socket lives in the calling thread's network namespace.
  static Result<NetlinkSocket> open(int protocol);

  /// Sends ready-made messages (one, or a whole nfnetlink batch) in one go and reads the kernel's verdicts, which are
  /// there when the call returns. The first refusal, as errno; 0 when there was none.
  int transact(std::span<const std::byte> messages);
  /// Sends a dump request and hands every answer to `handler`. errno; EINTR: the table changed meanwhile, ask again.
  int dump(const nlmsghdr& request, const NetlinkHandler& handler);

  /// Hears a multicast group (RTNLGRP_*); 0 or errno.
  int join(unsigned group);
  /// Hands what has arrived to `handler` without waiting. 0: nothing is left; EAGAIN: more is waiting, call again;
  /// ENOBUFS: messages were lost, read the tables anew.
  int drain(const NetlinkHandler& handler);

  int descriptor() const;

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_{socket} {}
  std::unique_ptr<mnl_socket, Close> socket_;
};

/// "permission denied (13)": for messages.
std::string errno_text(int code);

}  // namespace clusteragent::platform
