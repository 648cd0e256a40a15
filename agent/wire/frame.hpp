#pragma once
// Frames: what goes over a heartbeat network. docs/wire-format.md is the written format; encoder and decoder stand side
// by side in frame.cpp. Big-endian. Pure; values; any thread.
//
// The header and the place of the authentication code (the last 16 bytes) never change, whatever the version, so that a
// genuine peer of another version is recognised as incompatible and not taken for a forgery.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/base/ids.hpp"
#include "agent/base/time.hpp"
#include "agent/wire/keys.hpp"

namespace clusteragent::wire {

constexpr std::uint8_t version_lowest = 1;
constexpr std::uint8_t version_highest = 1;
constexpr std::size_t header_bytes = 38;
constexpr std::size_t frame_bytes_max = 1400;  // fits every Ethernet without fragments
constexpr std::size_t paths_max = 8;

/// Highest version that both ranges contain; nullopt: none.
std::optional<std::uint8_t> common_version(std::uint8_t lowest, std::uint8_t highest);

enum class FrameType : std::uint8_t { status = 1, release = 2, report = 3 };

struct Header {
  std::uint8_t version = version_highest;
  std::uint8_t lowest = version_lowest;
  std::uint8_t highest = version_highest;
  FrameType type = FrameType::status;
  std::uint64_t module_hash = 0;
  NodeId node{};
  PathId path{};
  Incarnation incarnation{};
  std::uint64_t sequence = 0;  // of this path, grows by one a frame
};

/// What the sender knows of one path from its own end.
struct PathFact {
  PathId path{};
  bool was_heard = false;
  Duration age{};  // since the last frame on it
  std::uint16_t loss_permille = 0;
};

/// Mirrors core::PeerStatus field by field; the numbers of the enumerations are theirs.
struct StatusFrame {
  std::uint64_t beat = 0;
  Incarnation heard_incarnation{};
  std::uint64_t heard_beat = 0;
  Duration heard_age{};
  std::uint8_t state = 0;
  std::uint8_t activity = 0;
  Epoch record_epoch{};
  Revision record_revision{};
  NodeId record_holder{};
  std::uint8_t record_sync_set = 3;
  std::uint8_t blocked = 0;
  bool holds_vip = false;
  bool runs_service = false;
  bool is_promotable = false;
  bool yields = false;
  bool is_candidate = false;
  bool insists = false;
  bool is_probe = false;
  std::uint64_t wish_id = 0;
  std::uint64_t granted_wish_id = 0;
  std::uint64_t config_hash = 0;
  // Round trip on this path: the sender's clock, and the newest of the receiver's stamps with how long it was kept.
  std::int64_t sent_at = 0;
  std::int64_t echo = 0;  // 0: none yet
  Duration echo_held{};
  std::vector<PathFact> paths;  // at most paths_max
};

/// From the guard of a dead agent: the virtual IP of that tenure is gone and the application stopped.
struct ReleaseFrame {
  Epoch epoch{};
};

/// A piece of the sender's status report.
struct ReportFrame {
  std::uint32_t report = 0;
  std::uint8_t index = 0;
  std::uint8_t count = 0;
  std::string text;
};

using Body = std::variant<StatusFrame, ReleaseFrame, ReportFrame>;

struct Keys {
  Key heartbeat;
  Key guard_release;
  Key report;
  static Keys derive(const Key& cluster_key, std::string_view module);
  const Key& of(FrameType type) const;
};

/// Frames of another module or cluster carry another one and are dropped unread.
std::uint64_t module_hash(std::string_view module);

using Bytes = std::vector<std::uint8_t>;
Bytes encode(Header header, const Body& body, const Keys& keys);

enum class Flaw : std::uint8_t { malformed, foreign_module, bad_mac };
struct Decoded {
  Header header;
  std::optional<Body> body;  // nullopt: authentic, of a version that this build does not speak
};
std::variant<Decoded, Flaw> decode(std::span<const std::uint8_t> bytes, std::uint64_t own_module, const Keys& keys);

}  // namespace clusteragent::wire
