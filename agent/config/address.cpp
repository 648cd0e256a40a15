#include "agent/config/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <vector>

namespace clusteragent::config {
namespace {

constexpr std::size_t host_name_bytes_max = 253;  // RFC 1123 §2.1
constexpr std::size_t label_bytes_max = 63;
constexpr std::size_t groups = 8;  // of an IPv6 address

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  while (true) {
    const std::size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to == std::string_view::npos ? to : to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <typename Number>
std::optional<Number> whole(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  const auto parts = split(text, '.');
  std::array<std::uint8_t, 4> bytes{};
  if (parts.size() != bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (parts[i].size() > 1 && parts[i].front() == '0') return std::nullopt;
    const auto octet = whole<std::uint8_t>(parts[i], 10);
    if (!octet) return std::nullopt;
    bytes[i] = *octet;
  }
  return bytes;
}

/// The groups of one side of "::"; an embedded IPv4 address may be the last item of the whole address.
bool read_groups(std::string_view side, bool may_end_in_v4, std::vector<std::uint16_t>& out) {
  if (side.empty()) return true;
  const auto parts = split(side, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (may_end_in_v4 && i + 1 == parts.size() && parts[i].find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(parts[i]);
      if (!v4) return false;
      out.push_back(static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]));
      out.push_back(static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]));
      continue;
    }
    const auto group = parts[i].size() <= 4 ? whole<std::uint16_t>(parts[i], 16) : std::nullopt;
    if (!group) return false;
    out.push_back(*group);
  }
  return true;
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  std::vector<std::uint16_t> head;
  std::vector<std::uint16_t> tail;
  if (gap == std::string_view::npos) {
    if (!read_groups(text, true, head) || head.size() != groups) return std::nullopt;
  } else {
    const bool is_read = read_groups(text.substr(0, gap), false, head) && read_groups(text.substr(gap + 2), true, tail);
    if (!is_read || head.size() + tail.size() >= groups) return std::nullopt;
  }
  std::array<std::uint16_t, groups> all{};
  std::copy(head.begin(), head.end(), all.begin());
  std::copy_backward(tail.begin(), tail.end(), all.end());
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < groups; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(all[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(all[i] & 0xffU);
  }
  return bytes;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > host_name_bytes_max) return false;
  const auto labels = split(text, '.');
  for (const std::string_view label : labels) {
    if (label.empty() || label.size() > label_bytes_max || label.front() == '-' || label.back() == '-') return false;
    const bool is_clean = std::all_of(label.begin(), label.end(),
                                      [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
    if (!is_clean) return false;
  }
  // "10.0.0.300" is a slip in an address, not a name: no top level domain is a number.
  return !std::all_of(labels.back().begin(), labels.back().end(), is_digit);
}

/// Longest run of at least two zero groups, the first of equals (RFC 5952 §4.2): {begin, length}.
std::pair<std::size_t, std::size_t> zero_run(const std::array<std::uint16_t, groups>& all) {
  std::pair<std::size_t, std::size_t> best{groups, 1};
  for (std::size_t i = 0; i < groups; ++i) {
    std::size_t length = 0;
    while (i + length < groups && all[i + length] == 0) ++length;
    if (length > best.second) best = {i, length};
  }
  return best;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  const bool is_bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  if (is_bracketed) text = text.substr(1, text.size() - 2);
  if (const auto v6 = parse_v6(text)) {
    address.is_v4_ = false;
    address.bytes_ = *v6;
    return address;
  }
  const auto v4 = parse_v4(text);
  if (is_bracketed || !v4) return std::nullopt;
  std::copy(v4->begin(), v4->end(), address.bytes_.begin());
  return address;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const {
  return is_v4_ ? (bytes_[0] & 0xf0U) == 0xe0U : bytes_[0] == 0xffU;
}

bool IpAddress::is_loopback() const {
  if (is_v4_) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::string IpAddress::text() const {
  if (is_v4_) return fmt::format("{}.{}.{}.{}", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
  std::array<std::uint16_t, groups> all{};
  for (std::size_t i = 0; i < groups; ++i) all[i] = static_cast<std::uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  const auto [gap, length] = zero_run(all);
  std::string out;
  for (std::size_t i = 0; i < groups; ++i) {
    if (i == gap) {
      out += "::";
      i += length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", all[i]);
  }
  return out;
}

std::optional<HostAddress> HostAddress::parse(std::string_view text) {
  HostAddress host;
  host.ip_ = IpAddress::parse(text);
  if (!host.ip_ && !is_host_name(text)) return std::nullopt;
  host.text_ = host.ip_ ? host.ip_->text() : std::string{text};
  return host;
}

std::optional<std::uint8_t> parse_netmask(std::string_view text) {
  if (const auto prefix = whole<std::uint8_t>(text, 10)) return *prefix >= 1 && *prefix <= 32 ? prefix : std::nullopt;
  const auto bytes = parse_v4(text);
  if (!bytes) return std::nullopt;
  const std::uint32_t mask = static_cast<std::uint32_t>((*bytes)[0]) << 24 |
                             static_cast<std::uint32_t>((*bytes)[1]) << 16 |
                             static_cast<std::uint32_t>((*bytes)[2]) << 8 | (*bytes)[3];
  const int ones = std::countl_one(mask);
  if (ones == 0 || std::popcount(mask) != ones) return std::nullopt;
  return static_cast<std::uint8_t>(ones);
}

}  // namespace clusteragent::config
