// clusteragent-guard: an executable of its own, static and small, because its memory is locked. The agent starts it
// with their socket at a fixed descriptor; nobody else has a use for it.
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/fence/guard.hpp"
#include "agent/fence/guard_protocol.hpp"

int main() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(clusteragent::fence::guard_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    ::fputs("clusteragent-guard is started by the agent (clusteragent run), not by hand\n", stderr);
    return 2;
  }
  // A heartbeat socket that this process kept open would hide the agent's death from the peer, and its port from the
  // frame that tells of it.
  ::close_range(clusteragent::fence::guard_descriptor + 1, ~0U, 0);
  return clusteragent::fence::run_guard(clusteragent::fence::guard_descriptor);
}
