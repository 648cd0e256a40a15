#pragma once
// What the guard does to the world, each act by itself. No heap, no exceptions; errors come back as errno values.
#include <cstdint>
#include <span>

#include <sys/types.h>

namespace clusteragent::fence {

struct StopCommand {
  const char* directory = "";
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
};

/// Locks this process in memory, asks for a low real-time priority and keeps the out-of-memory killer away. What the
/// machine does not allow is left out: the guard is then slower under pressure, not wrong.
void harden_process();

std::int64_t boottime_nanoseconds();
int open_pidfd(pid_t process);

/// Opened while all is well, used when it is not.
struct GuardSockets {
  int route = -1;
  int netfilter = -1;
};
GuardSockets open_guard_sockets();

/// Sends one ready-made netlink message and waits for its verdict. Absence of what it removes is success.
int send_kernel_message(const GuardSockets& sockets, int protocol, std::span<const std::byte> message);
/// False while the port cannot be had, or nothing can be sent: worth another attempt.
bool send_datagram(std::span<const std::byte> address, std::span<const std::byte> datagram);

/// Readable when the file is renamed, removed or written; -1: it cannot be watched.
int watch_file(const char* path);
/// Forgets what a watch has said.
void drain_watch(int descriptor);
bool has_file(const char* path);
/// True: it was there and this call has removed it.
bool take_file(const char* path);

/// Starts the command in its own process group, without the guard's privileges of memory and priority. -1: errno says
/// why.
pid_t start_command(const StopCommand& command);
/// Kills what the command has left running in its group.
void kill_group(pid_t leader);

/// One line on standard error, and into `text` where that is not null.
void say(char* text, std::size_t text_bytes, const char* format, ...) __attribute__((format(printf, 3, 4)));

}  // namespace clusteragent::fence
