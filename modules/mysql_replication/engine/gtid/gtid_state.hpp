#pragma once
// GtidState: what MariaDB calls @@gtid_binlog_state, @@gtid_binlog_pos, @@gtid_slave_pos and Gtid_IO_Pos: for each
// domain and server the highest sequence number, written domain-server-sequence with commas between. PURE, a value.
//
// A position (one entry a domain) and a state (one an origin) are the same type with two relations: `reaches` compares
// by domain, which says how far somebody has come, and `beyond` by origin, which finds what the other never had.
// Both hold only with gtid_strict_mode=ON and server ids that are unique.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

class GtidState {
 public:
  using Origin = std::pair<std::uint32_t, std::uint32_t>;  // domain, server id

  /// Empty text is the empty state. Errors: the entry that is wrong, and what one looks like.
  static Result<GtidState> parse(std::string_view text);

  bool is_empty() const { return last_.empty(); }
  std::string text() const;
  /// In each domain at least as far as the other.
  bool reaches(const GtidState& other) const;
  /// The entries of an origin in which this one is further than the other.
  GtidState beyond(const GtidState& other) const;
  /// How many transactions `beyond` stands for; sequence numbers that were never given out count as well.
  std::uint64_t count_beyond(const GtidState& other) const;
  /// The highest of both, by origin.
  GtidState joined(const GtidState& other) const;
  /// Up to where both have the same: in each domain that both know one entry, which this one has in its log.
  GtidState common_position(const GtidState& other) const;
  /// One entry a domain: its highest.
  GtidState position() const;

  friend bool operator==(const GtidState&, const GtidState&) = default;

 private:
  std::map<std::uint32_t, std::uint64_t> by_domain() const;
  std::map<Origin, std::uint64_t> last_;
};

}  // namespace clusteragent::mysql
