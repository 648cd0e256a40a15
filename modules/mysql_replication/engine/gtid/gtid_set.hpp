#pragma once
// GtidSet: what Oracle's MySQL calls a GTID set: uuid:1-5:7,uuid:9 (white space between entries is allowed; the server
// writes line ends there). PURE, a value. Intervals are kept sorted, disjoint and joined where they touch, so two
// sets with the same members are equal.
//
// Tags (uuid:tag:1-5, from 8.3 on) are kept as a part of the source's name.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

class GtidSet {
 public:
  /// Both ends belong to it.
  struct Interval {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const Interval&, const Interval&) = default;
  };

  /// Empty text is the empty set. Errors: the part that is wrong, and what one looks like.
  static Result<GtidSet> parse(std::string_view text);

  bool is_empty() const { return sources_.empty(); }
  std::string text() const;
  std::uint64_t count() const;
  bool contains(const GtidSet& other) const;
  GtidSet minus(const GtidSet& other) const;
  GtidSet joined(const GtidSet& other) const;

  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  void add(const std::string& source, Interval interval);
  std::map<std::string, std::vector<Interval>> sources_;  // no source without an interval
};

}  // namespace clusteragent::mysql
