#pragma once
// The text of one attribute, checked against its row of the table and turned into a value.
//
// Purpose: everything that can be said about an attribute alone is decided here; what concerns two attributes is in
// module_rules. Ownership: values; rows are constants. Threads: any. Units: durations are kept exactly, in nanoseconds.
// Errors: a diagnostic; the value then holds the default and is_valid is false, so that later rules can leave it alone.
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/time.hpp"
#include "agent/config/diagnostic.hpp"
#include "agent/config/table.hpp"

namespace clusteragent::config {

/// Longer values occur nowhere in the language; macros could otherwise double a text at every line of a file.
constexpr std::size_t value_bytes_max = 4096;
/// Keeps the time and memory of compiling a pattern small.
constexpr std::size_t regex_bytes_max = 1024;

enum class Source : std::uint8_t { unset, fallback, inherited, set };

struct Value {
  const AttributeRow* row = nullptr;
  std::string text;         // canonical: the same for every way of writing the same value
  std::int64_t number = 0;  // integers; durations in nanoseconds
  Source source = Source::unset;
  bool is_valid = true;
  Position at;  // of the attribute; of the element when it is not set

  bool is_set() const { return source == Source::set; }
  bool is_unset() const { return source == Source::unset; }
  bool is_on() const { return text == "on" || text == "yes"; }
  Duration duration() const { return Duration{number}; }
};

/// The default of a row; Source::unset when it has none.
Value default_value(const AttributeRow& row, Position at);

/// A value as the file gives it, macros already expanded.
Value read_value(const AttributeRow& row, std::string_view text, Position at, Diagnostics& diagnostics);

/// `<heart timeout="300">`: how messages name an attribute.
std::string name_attribute(const AttributeRow& row, std::string_view text);
/// What the row allows, for people: `1 to 65535`, `on, off`, `a duration from ...`.
std::string describe_allowed(const AttributeRow& row);
/// In the unit if it divides evenly, else in the largest that does: `700 ms`, `90 min`.
std::string duration_text(Duration duration, std::string_view unit);

}  // namespace clusteragent::config
