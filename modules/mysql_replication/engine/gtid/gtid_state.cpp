#include "modules/mysql_replication/engine/gtid/gtid_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace clusteragent::mysql {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

template <typename Number>
bool read_number(std::string_view& text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool read_dash(std::string_view& text) {
  if (text.empty() || text.front() != '-') return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<GtidState> GtidState::parse(std::string_view text) {
  GtidState state;
  std::string_view rest = trimmed(text);
  if (rest.empty()) return state;
  for (;;) {
    const auto comma = rest.find(',');
    const std::string_view entry = trimmed(rest.substr(0, comma));
    std::string_view left = entry;
    Origin origin;
    std::uint64_t sequence = 0;
    const bool is_good = read_number(left, origin.first) && read_dash(left) && read_number(left, origin.second) &&
                         read_dash(left) && read_number(left, sequence) && left.empty();
    if (!is_good) {
      return Error{ErrorCode::corrupt,
                   fmt::format("'{}' is no GTID of MariaDB in '{}': expected domain-server-sequence, such as 0-1-42",
                               entry, text.substr(0, 200))};
    }
    std::uint64_t& known = state.last_[origin];
    known = std::max(known, sequence);
    if (comma == std::string_view::npos) return state;
    rest.remove_prefix(comma + 1);
  }
}

std::string GtidState::text() const {
  std::string all;
  for (const auto& [origin, sequence] : last_) {
    if (!all.empty()) all += ',';
    all += fmt::format("{}-{}-{}", origin.first, origin.second, sequence);
  }
  return all;
}

std::map<std::uint32_t, std::uint64_t> GtidState::by_domain() const {
  std::map<std::uint32_t, std::uint64_t> highest;
  for (const auto& [origin, sequence] : last_) {
    std::uint64_t& known = highest[origin.first];
    known = std::max(known, sequence);
  }
  return highest;
}

bool GtidState::reaches(const GtidState& other) const {
  const auto own = by_domain();
  const auto wanted = other.by_domain();
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    const auto found = own.find(one.first);
    return found != own.end() && found->second >= one.second;
  });
}

GtidState GtidState::beyond(const GtidState& other) const {
  GtidState more;
  for (const auto& [origin, sequence] : last_) {
    const auto found = other.last_.find(origin);
    if (found == other.last_.end() || found->second < sequence) more.last_.emplace(origin, sequence);
  }
  return more;
}

std::uint64_t GtidState::count_beyond(const GtidState& other) const {
  std::uint64_t count = 0;
  const auto theirs = other.by_domain();
  for (const auto& [origin, sequence] : beyond(other).last_) {
    // An origin that the other does not know began where the domain stood, at the earliest where the other stands.
    const auto same = other.last_.find(origin);
    const auto domain = theirs.find(origin.first);
    std::uint64_t before = same != other.last_.end() ? same->second : 0;
    if (domain != theirs.end() && domain->second < sequence) before = std::max(before, domain->second);
    count += sequence - before;
  }
  return count;
}

GtidState GtidState::joined(const GtidState& other) const {
  GtidState all = *this;
  for (const auto& [origin, sequence] : other.last_) {
    std::uint64_t& known = all.last_[origin];
    known = std::max(known, sequence);
  }
  return all;
}

GtidState GtidState::common_position(const GtidState& other) const {
  GtidState shared;
  for (const auto& [origin, sequence] : last_) {
    const auto found = other.last_.find(origin);
    if (found != other.last_.end()) shared.last_.emplace(origin, std::min(sequence, found->second));
  }
  return shared.position();
}

GtidState GtidState::position() const {
  GtidState one;
  const auto highest = by_domain();
  for (const auto& [origin, sequence] : last_) {
    if (highest.at(origin.first) == sequence) one.last_.emplace(origin, sequence);
  }
  return one;
}

}  // namespace clusteragent::mysql
