#pragma once
// Addresses as the configuration writes them, as types that cannot hold anything else.
//
// Purpose: tell an IP address from a host name and from a slip of the pen without asking the system (this folder is
// pure). Ownership: values. Threads: any. Errors: std::nullopt; the caller knows which attribute to blame. Source of
// the rules: RFC 4291 §2.2 (text forms of IPv6), RFC 5952 (the one canonical form), RFC 1123 §2.1 (host names; the
// underscore is let through because SafeKit's own examples use it).
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace clusteragent::config {

class IpAddress {
 public:
  /// "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". Octets with a leading zero are refused: they are octal to some.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const { return is_v4_; }
  bool is_unspecified() const;
  bool is_multicast() const;
  bool is_loopback() const;
  /// Four or sixteen bytes in network order; of an IPv4 address the first four count.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  /// Canonical and without brackets.
  std::string text() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool is_v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An IP address or a name that somebody else resolves later.
class HostAddress {
 public:
  static std::optional<HostAddress> parse(std::string_view text);

  /// nullopt: a host name.
  const std::optional<IpAddress>& ip() const { return ip_; }
  /// The canonical address, or the name as written.
  const std::string& text() const { return text_; }

  friend bool operator==(const HostAddress&, const HostAddress&) = default;

 private:
  std::optional<IpAddress> ip_;
  std::string text_;
};

/// "255.255.255.0" or "24" to 24; nullopt when it is neither or has holes.
std::optional<std::uint8_t> parse_netmask(std::string_view text);

}  // namespace clusteragent::config
