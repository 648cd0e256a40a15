// clusteragent-guard with a watchdog of paper: of the device NAME, which is not touched, the file NAME.paper takes what
// is written to it, a line an act. Its driver grants at most what NAME.max says, and is busy where NAME.busy is.
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "agent/fence/guard.hpp"
#include "agent/fence/guard_protocol.hpp"

namespace {

int timeout_max = 0;
int timeout_now = 60;

int beside(const char* path, const char* ending, int flags = O_RDONLY) {
  char name[4096];
  ::snprintf(name, sizeof name, "%s.%s", path, ending);
  return ::open(name, flags | O_CLOEXEC, 0600);
}

int open_paper(const char* path) {
  if (beside(path, "busy") >= 0) {
    errno = EBUSY;
    return -1;
  }
  char text[16] = {};
  const int limit = beside(path, "max");
  if (limit >= 0 && ::read(limit, text, sizeof text - 1) < 0) return -1;
  timeout_max = limit >= 0 ? ::atoi(text) : 65535;
  return beside(path, "paper", O_WRONLY | O_APPEND | O_CREAT);
}

int control_paper(int device, unsigned long request, void* answer) {
  auto& seconds = *static_cast<int*>(answer);
  if (request == WDIOC_SETTIMEOUT) {
    timeout_now = std::min(seconds, timeout_max);
    ::dprintf(device, "timeout %d\n", timeout_now);
  }
  seconds = timeout_now;
  return 0;
}

bool write_paper(int device, char what) {
  return ::dprintf(device, "%c\n", what) > 0;
}

}  // namespace

int main() {
  const clusteragent::fence::WatchdogCalls paper{open_paper, control_paper, write_paper, [](int device) {
                                                   ::dprintf(device, "closed\n");
                                                   ::close(device);
                                                 }};
  ::close_range(clusteragent::fence::guard_descriptor + 1, ~0U, 0);
  return clusteragent::fence::run_guard(clusteragent::fence::guard_descriptor, paper);
}
