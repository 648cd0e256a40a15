// The smallest application worth protecting: answers each UDP datagram with itself and the name of the host, from the
// address it was sent to. Bound to every address, so that it serves the virtual one whenever the kernel has it.
//   responder --port 7000
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "tests/support/measure.hpp"

namespace {

using clusteragent::measure::fail;

constexpr std::size_t datagram_bytes_max = 512;
constexpr std::size_t name_bytes_max = 64;

int open_socket(std::int64_t port) {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<std::uint16_t>(port));
  if (descriptor < 0 || setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0 ||
      bind(descriptor, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
    fail("cannot listen");
  }
  return descriptor;
}

/// The answer leaves from the address that the question was sent to: the control data says which, and the kernel takes
/// the same structure as the wish for the source.
void answer(int descriptor, std::string_view name) {
  std::array<char, datagram_bytes_max + name_bytes_max> data{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  sockaddr_in peer{};
  iovec part{data.data(), datagram_bytes_max};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(descriptor, &message, 0);
  if (size < 0) {
    return;
  }
  if (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == IP_PKTINFO) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    info.ipi_spec_dst = info.ipi_addr;
    info.ipi_ifindex = 0;
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
  std::memcpy(data.data() + size, name.data(), name.size());
  part.iov_len = static_cast<std::size_t>(size) + name.size();
  message.msg_flags = 0;
  static_cast<void>(sendmsg(descriptor, &message, MSG_DONTWAIT));  // a lost answer is the client's to notice
}

}  // namespace

int main(int count, char** words) {
  const clusteragent::measure::Words options{count, words, "usage: responder --port NUMBER"};
  const int descriptor = open_socket(options.number("port", 7000));
  std::array<char, name_bytes_max> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) {
    fail("no host name");
  }
  clusteragent::measure::prepare_process();
  while (clusteragent::measure::is_stopping == 0) {
    answer(descriptor, name.data());
  }
  return 0;
}
