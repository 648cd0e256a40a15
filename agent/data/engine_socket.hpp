#pragma once
// A message between the agent and its engine, with descriptors beside it (SCM_RIGHTS): the one gives the other what is
// to outlive it. Threads: any; a message is sent whole or not at all.
#include <span>
#include <vector>

#include "agent/data/engine_protocol.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::data {

// The device, the directory and the memory of a volume.
inline constexpr std::size_t message_descriptors_max = 4;

/// `flags` of send(2). False: errno says why.
bool send_message(int socket, const Json& message, std::span<const int> descriptors, int flags);

struct Received {
  long bytes = 0;  // as recv(2)
  std::vector<platform::Fd> descriptors;
};
/// Descriptors for which this process has no room are missing.
Received receive_message(int socket, std::span<char> room, int flags);

}  // namespace clusteragent::data
