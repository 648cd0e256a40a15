#pragma once
// Gtids: a set of transactions as either family of servers writes it, so that what decides need not know which. PURE, a
// value. Two values of different families never reach each other, and all of one is beyond the other: two servers that
// cannot replicate to each other.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "modules/mysql_replication/engine/gtid/gtid_set.hpp"
#include "modules/mysql_replication/engine/gtid/gtid_state.hpp"

namespace clusteragent::mysql {

enum class Family { mariadb, oracle };

class Gtids {
 public:
  Gtids() = default;
  Gtids(GtidState state) : content_{std::move(state)} {}  // NOLINT(google-explicit-constructor)
  Gtids(GtidSet set) : content_{std::move(set)} {}        // NOLINT(google-explicit-constructor)
  static Result<Gtids> parse(Family family, std::string_view text);

  bool is_empty() const;
  std::string text() const;
  /// Whoever has this one lacks nothing of the other.
  bool reaches(const Gtids& other) const;
  /// What the other never had.
  Gtids beyond(const Gtids& other) const;
  std::uint64_t count_beyond(const Gtids& other) const;
  Gtids joined(const Gtids& other) const;
  /// Of MariaDB's alone; else empty.
  Gtids common_position(const Gtids& other) const;

  friend bool operator==(const Gtids&, const Gtids&) = default;

 private:
  std::variant<GtidState, GtidSet> content_;
};

}  // namespace clusteragent::mysql
