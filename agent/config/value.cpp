#include "agent/config/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "agent/config/address.hpp"
#include "agent/config/syntax.hpp"

namespace clusteragent::config {
namespace {

struct UnitScale {
  std::string_view suffix;
  std::int64_t nanoseconds;
};
// Longest first: the renderer takes the first that divides evenly, the reader needs "ms" before "m" and "s".
constexpr std::array scales{
    UnitScale{"d", 86'400'000'000'000},
    UnitScale{"h", 3'600'000'000'000},
    UnitScale{"min", 60'000'000'000},
    UnitScale{"m", 60'000'000'000},
    UnitScale{"s", 1'000'000'000},
    UnitScale{"ms", 1'000'000},
    UnitScale{"us", 1'000},
};

std::int64_t scale_of(std::string_view suffix) {
  for (const UnitScale& scale : scales) {
    if (scale.suffix == suffix) return scale.nanoseconds;
  }
  return 0;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const bool is_hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (is_hex) text.remove_prefix(2);
  if (is_hex && !text.empty() && text.front() == '-') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, is_hex ? 16 : 10);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// {count, unit} of "90m" or "700".
struct Amount {
  std::int64_t count;
  std::int64_t scale;
};
std::optional<Amount> parse_amount(std::string_view text, std::string_view native_unit) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_integer(text.substr(0, digits));
  std::string_view suffix = text.substr(digits);
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
  if (suffix.empty()) suffix = native_unit;
  const std::int64_t scale = scale_of(suffix);
  if (digits == 0 || digits > 18 || !count || scale == 0) return std::nullopt;
  return Amount{*count, scale};
}

std::vector<std::string_view> split_choices(std::string_view allowed) {
  std::vector<std::string_view> choices;
  while (!allowed.empty()) {
    const std::size_t bar = std::min(allowed.find('|'), allowed.size());
    choices.push_back(allowed.substr(0, bar));
    allowed.remove_prefix(std::min(bar + 1, allowed.size()));
  }
  return choices;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool contains(const std::vector<std::string_view>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

class Reader {
 public:
  Reader(const AttributeRow& row, std::string_view text, Position at, Diagnostics& diagnostics)
      : row_{row}, text_{text}, diagnostics_{diagnostics}, value_{default_value(row, at)} {
    value_.source = Source::set;
  }

  Value read() {
    const bool is_empty_allowed = row_.type == Type::text && row_.name == "value";
    if (text_.size() > value_bytes_max) {
      text_ = text_.substr(0, 32);
      refuse(fmt::format("is longer than {} bytes", value_bytes_max));
    } else if (text_.empty() && !is_empty_allowed) {
      refuse("is empty");
    } else if (row_.type != Type::text && std::any_of(text_.begin(), text_.end(), is_control)) {
      refuse("holds a control character");
    } else {
      dispatch();
    }
    if (value_.is_valid) apply_standing();
    return std::move(value_);
  }

 private:
  void dispatch() {
    switch (row_.type) {
      case Type::choice:
        return read_choice();
      case Type::integer:
        return read_integer();
      case Type::duration:
        return read_duration();
      case Type::host:
        return read_host();
      case Type::netmask:
        return read_netmask();
      default:
        return read_text();
    }
  }

  void refuse(std::string_view what, std::string nearest = {}) {
    value_.is_valid = false;
    std::string message = fmt::format("{} {}", name_attribute(row_, text_), what);
    if (row_.type == Type::choice && !row_.note.empty() && row_.standing == Standing::built) {
      message += fmt::format(" ({})", row_.note);
    }
    diagnostics_.error(value_.at, std::move(message), {std::string{text_}, describe_allowed(row_), std::move(nearest)});
  }

  /// The two ways in which a well-formed value can still be of no use.
  void apply_standing() {
    const Value usual = default_value(row_, value_.at);
    if (!usual.is_unset() && usual.text == value_.text) return;
    if (row_.standing == Standing::default_only) {
      value_.is_valid = false;
      diagnostics_.error(value_.at, fmt::format("{} is refused: {}", name_attribute(row_, text_), row_.note),
                         {std::string{text_}, std::string{row_.fallback}, {}});
    } else if (row_.standing == Standing::ignored) {
      diagnostics_.warning(value_.at, fmt::format("{} has no effect: {}", name_attribute(row_, text_), row_.note),
                           {std::string{text_}, {}, {}});
    }
  }

  void read_choice() {
    const auto choices = split_choices(row_.allowed);
    if (contains(split_choices(row_.not_built), text_)) return refuse("is not built in this version");
    if (!contains(choices, text_)) return refuse("is unknown", nearest_name(text_, choices));
    value_.text = text_;
  }

  void read_integer() {
    const auto number = parse_integer(text_);
    if (!number) return refuse("is not a whole number");
    if (*number < row_.minimum || *number > row_.maximum) return refuse("is out of range");
    value_.number = *number;
    value_.text = fmt::format("{}", *number);
  }

  void read_duration() {
    const auto amount = parse_amount(text_, row_.unit);
    if (!amount) return refuse("is not a duration");
    const std::int64_t native = scale_of(row_.unit);
    const std::int64_t longest = row_.maximum * native;
    if (amount->count > longest / amount->scale) return refuse("is too long");
    const std::int64_t nanoseconds = amount->count * amount->scale;
    if (nanoseconds > 0 && nanoseconds < native) {
      return refuse(fmt::format("is less than 1 {}, the unit of this attribute, and would become 0", row_.unit));
    }
    if (nanoseconds < row_.minimum * native) return refuse("is too short");
    value_.number = nanoseconds;
    value_.text = duration_text(Duration{nanoseconds}, row_.unit);
  }

  void read_host() {
    const auto host = HostAddress::parse(text_);
    if (!host) return refuse("is neither an IP address nor a host name");
    value_.text = host->text();
  }

  void read_netmask() {
    const auto prefix = parse_netmask(text_);
    if (!prefix) return refuse("is not a netmask");
    value_.number = *prefix;
    value_.text = fmt::format("{}", *prefix);
  }

  void read_text() {
    if (contains(split_choices(row_.not_built), text_)) return refuse("is not built in this version");
    const auto fault = find_fault(row_.type, text_);
    if (fault) return refuse(fault->what, fault->nearest);
    value_.text = text_;
  }

  const AttributeRow& row_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  Value value_;
};

}  // namespace

Value default_value(const AttributeRow& row, Position at) {
  Value value;
  value.row = &row;
  value.at = at;
  if (row.fallback.empty()) return value;
  value.source = Source::fallback;
  value.text = row.fallback;
  if (row.type == Type::integer) {
    value.number = parse_integer(row.fallback).value_or(0);
    value.text = fmt::format("{}", value.number);
  } else if (row.type == Type::duration) {
    const auto amount = parse_amount(row.fallback, row.unit);
    value.number = amount ? amount->count * amount->scale : 0;
    value.text = duration_text(value.duration(), row.unit);
  }
  return value;
}

Value read_value(const AttributeRow& row, std::string_view text, Position at, Diagnostics& diagnostics) {
  return Reader{row, text, at, diagnostics}.read();
}

std::string name_attribute(const AttributeRow& row, std::string_view text) {
  std::string printable{text};
  std::replace_if(printable.begin(), printable.end(), is_control, '?');
  return fmt::format("<{} {}=\"{}\">", row.element, row.name, printable);
}

std::string describe_allowed(const AttributeRow& row) {
  switch (row.type) {
    case Type::choice:
      return fmt::format("{}", fmt::join(split_choices(row.allowed), ", "));
    case Type::integer:
      return fmt::format("{} to {}{}{}", row.minimum, row.maximum, row.unit.empty() ? "" : " ", row.unit);
    case Type::duration:
      return fmt::format("{} to {} {}, a bare number being {}; or with one of the units d h m s ms us", row.minimum,
                         row.maximum, row.unit, row.unit);
    default:
      return std::string{describe_syntax(row.type)};
  }
}

std::string duration_text(Duration duration, std::string_view unit) {
  const std::int64_t native = scale_of(unit);
  if (native != 0 && duration.count() % native == 0) return fmt::format("{} {}", duration.count() / native, unit);
  for (const UnitScale& scale : scales) {
    if (duration.count() % scale.nanoseconds == 0) {
      return fmt::format("{} {}", duration.count() / scale.nanoseconds, scale.suffix);
    }
  }
  return fmt::format("{} ns", duration.count());
}

}  // namespace clusteragent::config
