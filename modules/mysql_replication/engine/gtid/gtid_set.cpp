#include "modules/mysql_replication/engine/gtid/gtid_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace clusteragent::mysql {
namespace {

constexpr std::size_t tag_length_max = 32;
// The server gives out none higher (GNO_END); with it last + 1 cannot overflow.
constexpr std::uint64_t number_max = std::numeric_limits<std::int64_t>::max() - 1;

bool is_hexadecimal(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
    if (is_dash ? text[at] != '-' : !is_hexadecimal(text[at])) return false;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > tag_length_max || (text.front() >= '0' && text.front() <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
  });
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value == 0 || value > number_max) return std::nullopt;
  return value;
}

std::optional<GtidSet::Interval> interval(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return GtidSet::Interval{*first, *last};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Error wrong(std::string_view part, std::string_view all) {
  return Error{ErrorCode::corrupt, fmt::format("'{}' has no place in the GTID set '{}': expected uuid:first-last, such "
                                               "as 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7",
                                               part, all.substr(0, 200))};
}

}  // namespace

void GtidSet::add(const std::string& source, Interval added) {
  std::vector<Interval>& all = sources_[source];
  std::vector<Interval> merged;
  for (const Interval& each : all) {
    if (each.last + 1 < added.first || added.last + 1 < each.first)
      merged.push_back(each);
    else
      added = {std::min(each.first, added.first), std::max(each.last, added.last)};
  }
  merged.push_back(added);
  std::sort(merged.begin(), merged.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  all = std::move(merged);
}

Result<GtidSet> GtidSet::parse(std::string_view text) {
  std::string plain;
  for (const char letter : text) {
    if (letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t') continue;
    plain += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  GtidSet set;
  if (plain.empty()) return set;
  for (const std::string_view entry : split(plain, ',')) {
    const auto parts = split(entry, ':');
    if (!is_uuid(parts.front()) || parts.size() < 2) return wrong(entry, text);
    std::string source{parts.front()};
    bool has_interval = false;
    for (std::size_t at = 1; at < parts.size(); ++at) {
      if (is_tag(parts[at])) {
        source = fmt::format("{}:{}", parts.front(), parts[at]);
        continue;
      }
      const auto read = interval(parts[at]);
      if (!read) return wrong(parts[at], text);
      set.add(source, *read);
      has_interval = true;
    }
    if (!has_interval) return wrong(entry, text);
  }
  return set;
}

std::string GtidSet::text() const {
  std::string all;
  for (const auto& [source, intervals] : sources_) {
    all += all.empty() ? source : "," + source;
    for (const Interval& each : intervals)
      all += each.first == each.last ? fmt::format(":{}", each.first) : fmt::format(":{}-{}", each.first, each.last);
  }
  return all;
}

std::uint64_t GtidSet::count() const {
  std::uint64_t members = 0;
  for (const auto& [source, intervals] : sources_) {
    for (const Interval& each : intervals) members += each.last - each.first + 1;
  }
  return members;
}

bool GtidSet::contains(const GtidSet& other) const {
  return other.minus(*this).is_empty();
}

GtidSet GtidSet::minus(const GtidSet& other) const {
  GtidSet left;
  for (const auto& [source, intervals] : sources_) {
    const auto found = other.sources_.find(source);
    std::vector<Interval> rest = intervals;
    if (found != other.sources_.end()) {
      for (const Interval& taken : found->second) {
        std::vector<Interval> kept;
        for (const Interval& each : rest) {
          if (taken.last < each.first || each.last < taken.first) {
            kept.push_back(each);
            continue;
          }
          if (each.first < taken.first) kept.push_back({each.first, taken.first - 1});
          if (taken.last < each.last) kept.push_back({taken.last + 1, each.last});
        }
        rest = std::move(kept);
      }
    }
    if (!rest.empty()) left.sources_.emplace(source, std::move(rest));
  }
  return left;
}

GtidSet GtidSet::joined(const GtidSet& other) const {
  GtidSet all = *this;
  for (const auto& [source, intervals] : other.sources_) {
    for (const Interval& each : intervals) all.add(source, each);
  }
  return all;
}

}  // namespace clusteragent::mysql
