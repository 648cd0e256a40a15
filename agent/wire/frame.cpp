#include "agent/wire/frame.hpp"

#include <algorithm>

#include "agent/wire/body.hpp"
#include "agent/wire/octets.hpp"

namespace clusteragent::wire {
namespace {

constexpr std::array<std::uint8_t, 4> magic{'C', 'L', 'A', 'G'};
constexpr std::size_t length_offset = 18;

void write_header(Writer& out, const Header& header) {
  out.octets(magic);
  out.number(header.version);
  out.number(header.speaks.lowest);
  out.number(header.speaks.highest);
  out.number(static_cast<std::uint8_t>(header.type));
  out.number(header.module_hash);
  out.number(header.node.value());
  out.number(header.path.value());
  out.number(std::uint16_t{0});  // length of the body, known once that is written
  out.number(header.incarnation.value());
  out.number(header.sequence);
  out.number(header.challenge);
  out.number(header.echo);
  CLUSTERAGENT_ASSERT(out.size() == header_bytes);
}

// The bytes are there: their number was checked. Returns the length that the body claims.
std::uint16_t read_header(Reader& in, Header& header) {
  in.number<std::uint32_t>();  // the magic number
  header.version = in.number<std::uint8_t>();
  header.speaks.lowest = in.number<std::uint8_t>();
  header.speaks.highest = in.number<std::uint8_t>();
  header.type = static_cast<FrameType>(in.number<std::uint8_t>());
  header.module_hash = in.number<std::uint64_t>();
  header.node = NodeId{in.number<std::uint8_t>()};
  header.path = PathId{in.number<std::uint8_t>()};
  const auto length = in.number<std::uint16_t>();
  header.incarnation = Incarnation{in.number<std::uint64_t>()};
  header.sequence = in.number<std::uint64_t>();
  header.challenge = in.number<std::uint64_t>();
  header.echo = in.number<std::uint64_t>();
  return length;
}

}  // namespace

Keys Keys::derive(const Key& cluster_key, std::string_view module) {
  return Keys{derive_key(cluster_key, Purpose::heartbeat, module),
              derive_key(cluster_key, Purpose::guard_release, module),
              derive_key(cluster_key, Purpose::report, module)};
}

std::vector<Keys> Keys::derive_all(const std::vector<Key>& cluster_keys, std::string_view module) {
  std::vector<Keys> derived;
  for (const Key& key : cluster_keys) derived.push_back(derive(key, module));
  return derived;
}

const Key& Keys::of(FrameType type) const {
  if (type == FrameType::release) return guard_release;
  return type == FrameType::report ? report : heartbeat;
}

std::uint64_t module_hash(std::string_view module) {
  const auto whole = digest({reinterpret_cast<const std::uint8_t*>(module.data()), module.size()});
  return Reader{whole}.number<std::uint64_t>();
}

std::span<const std::uint8_t> encode(FrameBuffer& buffer, Header header, const Body& body, const Keys& keys) {
  header.type = static_cast<FrameType>(body.index() + 1);
  Writer out{buffer};
  write_header(out, header);
  write_body(out, body, header.version);
  const std::size_t length = out.size() - header_bytes;
  buffer[length_offset] = static_cast<std::uint8_t>(length >> 8);
  buffer[length_offset + 1] = static_cast<std::uint8_t>(length);
  out.octets(authenticate(keys.of(header.type), std::span{buffer}.first(out.size())));
  return std::span{buffer}.first(out.size());
}

Bytes encode(const Header& header, const Body& body, const Keys& keys) {
  FrameBuffer buffer;
  const auto frame = encode(buffer, header, body, keys);
  return {frame.begin(), frame.end()};
}

std::variant<Decoded, Flaw> decode(std::span<const std::uint8_t> bytes, std::uint64_t own_module,
                                   std::span<const Keys> accepted) {
  CLUSTERAGENT_ASSERT(!accepted.empty() && accepted.size() <= keys_accepted_max);
  if (bytes.size() < header_bytes + mac_bytes || bytes.size() > frame_bytes_max) return Flaw::malformed;
  if (!std::equal(magic.begin(), magic.end(), bytes.begin())) return Flaw::malformed;
  Decoded decoded;
  Header& header = decoded.header;
  Reader in{bytes.first(header_bytes)};
  const std::size_t length = read_header(in, header);
  if (header.module_hash != own_module) return Flaw::foreign_module;
  const auto authenticated = bytes.first(bytes.size() - mac_bytes);
  if (length != authenticated.size() - header_bytes) return Flaw::malformed;
  const auto fits = [&](const Keys& keys) {
    return is_authentic(keys.of(header.type), authenticated, bytes.last(mac_bytes));
  };
  decoded.key = static_cast<std::size_t>(std::find_if(accepted.begin(), accepted.end(), fits) - accepted.begin());
  if (decoded.key == accepted.size()) return Flaw::bad_mac;
  const bool is_sane = header.node.value() <= 1 && header.speaks.contains(header.version);
  if (!is_sane) return Flaw::malformed;
  if (!own_versions.contains(header.version)) return decoded;
  Reader body{authenticated.subspan(header_bytes)};
  decoded.body = read_body(header.type, body, header.version);
  if (!decoded.body) return Flaw::malformed;
  return decoded;
}

}  // namespace clusteragent::wire
