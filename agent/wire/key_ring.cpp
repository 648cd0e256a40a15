#include "agent/wire/key_ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "agent/wire/octets.hpp"

namespace clusteragent::wire {
namespace {

using std::chrono::sys_seconds;
using std::chrono::year_month_day;

constexpr std::string_view until_word = "until ";
constexpr std::string_view time_pattern = "dddd-dd-ddTdd:dd:ddZ";
// std::chrono counts nanoseconds elsewhere; a time beyond this would not fit there.
constexpr int year_min = 2000;
constexpr int year_max = 2200;

bool has_form(std::string_view text) {
  return std::equal(text.begin(), text.end(), time_pattern.begin(), time_pattern.end(),
                    [](char seen, char wanted) { return wanted == 'd' ? seen >= '0' && seen <= '9' : seen == wanted; });
}

std::optional<UnixSeconds> parse_time(std::string_view text) {
  if (!has_form(text)) return std::nullopt;
  const auto number = [text](std::size_t at, std::size_t digits) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, value);
    return value;
  };
  const year_month_day day{std::chrono::year{number(0, 4)}, std::chrono::month{static_cast<unsigned>(number(5, 2))},
                           std::chrono::day{static_cast<unsigned>(number(8, 2))}};
  const bool is_day = day.ok() && number(0, 4) >= year_min && number(0, 4) <= year_max;
  if (!is_day || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return std::nullopt;
  const sys_seconds midnight = std::chrono::sys_days{day};
  return midnight.time_since_epoch().count() + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
}

}  // namespace

std::vector<Key> KeyRing::accepted(UnixSeconds now) const {
  std::vector<Key> keys{current};
  const auto add = [&keys](const Key& key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  };
  if (next) add(*next);
  if (previous && now < previous->until) add(previous->key);
  return keys;
}

std::uint64_t key_id(const Key& cluster_key) {
  constexpr std::string_view label = "clusteragent witness key id";
  std::vector<std::uint8_t> text{label.begin(), label.end()};
  text.insert(text.end(), cluster_key.begin(), cluster_key.end());
  const auto hash = digest(text);
  return Reader{hash}.number<std::uint64_t>();
}

std::string key_id_text(const Key& cluster_key) {
  return fmt::format("{:016x}", key_id(cluster_key));
}

std::string format_time(UnixSeconds time) {
  const sys_seconds at{std::chrono::seconds{time}};
  const auto midnight = std::chrono::floor<std::chrono::days>(at);
  const year_month_day day{midnight};
  const auto second = (at - midnight).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()), second / 3600,
                     second / 60 % 60, second % 60);
}

std::string format_previous(const PreviousKey& previous) {
  return fmt::format("{}{}{}\n", format_key(previous.key), until_word, format_time(previous.until));
}

Result<PreviousKey> parse_previous(std::string_view text, std::string_view path) {
  const auto line_end = text.find('\n');
  const auto key = parse_key(text.substr(0, line_end), path);
  if (!key) return key.error();
  std::string_view rest = line_end == std::string_view::npos ? "" : text.substr(line_end + 1);
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  const bool has_word = rest.starts_with(until_word);
  const auto until = has_word ? parse_time(rest.substr(until_word.size())) : std::nullopt;
  if (until) return PreviousKey{*key, *until};
  return Error{ErrorCode::configuration,
               fmt::format("{}: does not say until when the previous key is accepted: a second line such as `until "
                           "2026-11-22T13:00:00Z` is expected; `clusteragent keygen --retire` removes it",
                           path)};
}

}  // namespace clusteragent::wire
