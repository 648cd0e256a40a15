#include "agent/daemon/network.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

namespace clusteragent::daemon {
namespace {

using Interfaces = std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)>;

Interfaces interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) first = nullptr;
  return Interfaces{first, &::freeifaddrs};
}

std::optional<config::IpAddress> to_address(const sockaddr* from) {
  if (from == nullptr) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from->sa_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, from, sizeof address);
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, from, sizeof address);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
  } else {
    return std::nullopt;
  }
  return config::IpAddress::parse(text.data());
}

bool same_network(const config::IpAddress& a, const config::IpAddress& b, const config::IpAddress& mask) {
  if (a.is_v4() != b.is_v4() || mask.is_v4() != a.is_v4()) return false;
  const std::size_t length = a.is_v4() ? 4 : 16;
  for (std::size_t at = 0; at < length; ++at) {
    if ((a.bytes()[at] & mask.bytes()[at]) != (b.bytes()[at] & mask.bytes()[at])) return false;
  }
  return true;
}

}  // namespace

std::vector<config::IpAddress> local_addresses() {
  std::vector<config::IpAddress> found;
  const Interfaces all = interfaces();
  for (const ifaddrs* entry = all.get(); entry != nullptr; entry = entry->ifa_next) {
    if (const auto address = to_address(entry->ifa_addr)) found.push_back(*address);
  }
  return found;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string interface_of(const config::IpAddress& address) {
  const Interfaces all = interfaces();
  for (const ifaddrs* entry = all.get(); entry != nullptr; entry = entry->ifa_next) {
    const auto own = to_address(entry->ifa_addr);
    const auto mask = to_address(entry->ifa_netmask);
    // A host route (all ones) is no network that another address could be in.
    if (own && mask && *own != address && same_network(*own, address, *mask)) return entry->ifa_name;
  }
  return {};
}

Result<config::IpAddress> resolve(const config::HostAddress& host) {
  if (host.ip()) return *host.ip();
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.text().c_str(), nullptr, nullptr, &found);
  if (failure != 0) {
    return Error{ErrorCode::configuration,
                 fmt::format("the name {} does not resolve ({}); write its IP address instead", host.text(),
                             ::gai_strerror(failure))};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
  const auto address = to_address(found->ai_addr);
  if (!address) return Error{ErrorCode::configuration, fmt::format("the name {} is not an IP address", host.text())};
  return *address;
}

}  // namespace clusteragent::daemon
