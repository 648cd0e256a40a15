#include "agent/data/engine_socket.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "agent/base/assert.hpp"

namespace clusteragent::data {
namespace {

using Control = std::array<char, CMSG_SPACE(message_descriptors_max * sizeof(int))>;

}  // namespace

bool send_message(int socket, const Json& message, std::span<const int> descriptors, int flags) {
  CLUSTERAGENT_ASSERT(descriptors.size() <= message_descriptors_max);
  std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) Control control{};
  msghdr head{};
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  if (!descriptors.empty()) {
    head.msg_control = control.data();
    head.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&head);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(socket, &head, flags | MSG_NOSIGNAL) >= 0;
}

Received receive_message(int socket, std::span<char> room, int flags) {
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) Control control{};
  msghdr head{};
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  head.msg_control = control.data();
  head.msg_controllen = control.size();
  Received received;
  received.bytes = ::recvmsg(socket, &head, flags | MSG_CMSG_CLOEXEC);
  if (received.bytes < 0) return received;
  for (cmsghdr* each = CMSG_FIRSTHDR(&head); each != nullptr; each = CMSG_NXTHDR(&head, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN((at + 1) * sizeof(int)) <= each->cmsg_len; ++at) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(each) + at * sizeof(int), sizeof number);
      received.descriptors.emplace_back(number);
    }
  }
  return received;
}

}  // namespace clusteragent::data
