#pragma once
// Frames: what goes over a heartbeat network. docs/wire-format.md is the written format; encoder and decoder stand side
// by side in frame.cpp and body.cpp. Big-endian. Pure; values; any thread.
//
// The header, the place of the authentication code (the last 16 bytes) and the key that it is made with never change,
// whatever the version, so that a genuine peer of another version is recognised as incompatible and not taken for a
// forgery.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/base/assert.hpp"
#include "agent/base/ids.hpp"
#include "agent/base/time.hpp"
#include "agent/wire/key_ring.hpp"
#include "agent/wire/version.hpp"

namespace clusteragent::wire {

constexpr std::size_t header_bytes = 52;
constexpr std::size_t frame_bytes_max = 1400;  // fits every Ethernet without fragments
constexpr std::size_t report_piece_bytes = 1200;
constexpr std::size_t paths_max = 8;    // heartbeat networks of a module
constexpr std::size_t pieces_max = 14;  // of a report: 16 KiB in pieces of 1200 bytes

enum class FrameType : std::uint8_t { status = 1, release = 2, report = 3 };

struct Header {
  std::uint8_t version = own_versions.lowest;
  VersionRange speaks = own_versions;
  FrameType type = FrameType::status;  // encode() takes it from the body
  std::uint64_t module_hash = 0;
  NodeId node{};
  PathId path{};
  Incarnation incarnation{};
  std::uint64_t sequence = 0;   // of this path and type; grows by one a frame
  std::uint64_t challenge = 0;  // the receiver is to echo it, which no recording can
  std::uint64_t echo = 0;       // the receiver's challenge as last seen; 0: none
};

/// What the sender knows of one path from its own end.
struct PathFact {
  PathId path{};
  bool was_heard = false;
  Duration age{};  // since the last frame on it
  std::uint16_t loss_permille = 0;
  friend bool operator==(const PathFact&, const PathFact&) = default;
};

/// At most paths_max facts, without memory of their own: a heartbeat is composed without allocating.
class PathFacts {
 public:
  void add(const PathFact& fact) {
    CLUSTERAGENT_ASSERT(size_ < facts_.size());
    facts_[size_++] = fact;
  }
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  const PathFact* begin() const { return facts_.data(); }
  const PathFact* end() const { return facts_.data() + size_; }
  friend bool operator==(const PathFacts&, const PathFacts&) = default;

 private:
  std::array<PathFact, paths_max> facts_{};
  std::size_t size_ = 0;
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
  Epoch proposal_epoch{};  // 0: no proposal; its holder is the sender
  Revision proposal_revision{};
  std::uint8_t proposal_sync_set = 3;
  Epoch voted{};
  std::uint8_t blocked = 0;
  bool holds_vip = false;
  bool runs_service = false;
  bool is_promotable = false;
  bool yields = false;
  bool is_candidate = false;
  bool insists = false;
  bool is_probe = false;
  bool holds_reader = false;   // from version 2 on
  bool is_reader_fit = false;  // from version 2 on
  bool grants_reader = false;  // from version 2 on
  std::uint64_t wish_id = 0;
  std::uint64_t granted_wish_id = 0;
  std::uint64_t config_hash = 0;
  Duration restarts_for{};               // from version 2 on
  Duration waits_for{};                  // from version 2 on
  std::uint64_t maintenance_number = 0;  // from version 2 on
  Duration maintenance_left{};           // from version 2 on
  // Round trip on this path: the sender's clock, and the newest of the receiver's stamps with how long it was kept.
  std::int64_t sent_at = 0;
  std::int64_t echo = 0;  // 0: none yet
  Duration echo_held{};
  PathFacts paths;
  friend bool operator==(const StatusFrame&, const StatusFrame&) = default;
};

/// The highest numbers of core::ModuleState, core::Activity and core::BlockReason that versions 1 and 2 know.
constexpr std::uint8_t state_max = 4;
constexpr std::uint8_t activity_max = 2;
constexpr std::uint8_t blocked_max = 15;

/// From the guard of a dead agent: the virtual IP of that tenure is gone and the application stopped.
struct ReleaseFrame {
  Epoch epoch{};
  friend bool operator==(const ReleaseFrame&, const ReleaseFrame&) = default;
};

/// A piece of the sender's status report: 1 to report_piece_bytes of text.
struct ReportFrame {
  std::uint32_t report = 0;
  std::uint8_t index = 0;
  std::uint8_t count = 0;
  std::string text;
  friend bool operator==(const ReportFrame&, const ReportFrame&) = default;
};

using Body = std::variant<StatusFrame, ReleaseFrame, ReportFrame>;

struct Keys {
  Key heartbeat;
  Key guard_release;
  Key report;
  static Keys derive(const Key& cluster_key, std::string_view module);
  static std::vector<Keys> derive_all(const std::vector<Key>& cluster_keys, std::string_view module);
  /// Types that a later version may bring are signed with the heartbeat key.
  const Key& of(FrameType type) const;
};

/// Frames of another module carry another one and are dropped unread.
std::uint64_t module_hash(std::string_view module);

using Bytes = std::vector<std::uint8_t>;
using FrameBuffer = std::array<std::uint8_t, frame_bytes_max>;
/// Into the caller's buffer, without allocating; the part of it that is the frame.
std::span<const std::uint8_t> encode(FrameBuffer& buffer, Header header, const Body& body, const Keys& keys);
Bytes encode(const Header& header, const Body& body, const Keys& keys);

enum class Flaw : std::uint8_t { malformed, foreign_module, bad_mac };
struct Decoded {
  Header header;
  std::optional<Body> body;  // nullopt: authentic, of a version that this build does not speak
  std::size_t key = 0;       // which of the accepted ones it is signed with
};
/// `accepted`: tried in this order, the likeliest first; at most keys_accepted_max.
std::variant<Decoded, Flaw> decode(std::span<const std::uint8_t> bytes, std::uint64_t own_module,
                                   std::span<const Keys> accepted);
inline std::variant<Decoded, Flaw> decode(std::span<const std::uint8_t> bytes, std::uint64_t own_module,
                                          const Keys& keys) {
  return decode(bytes, own_module, std::span{&keys, 1});
}

}  // namespace clusteragent::wire
