#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

constexpr std::string_view preamble = R"(# Reference of the configuration language

<!-- Generated from the table in agent/config; a test fails when the two differ. Do not edit by hand. -->

`cluster.xml` names the nodes and their networks, one file a cluster. `userconfig.xml` configures one module. Both
must be the same on the two nodes; the agents compare a hash of what the files mean and say when it differs.

* Unknown elements and attributes are errors. `clusteragent config check` reports all mistakes at once.
* Durations take a number with `d`, `h`, `m`, `s`, `ms` or `us`. A bare number is in the unit that the table gives.
  Less than one of that unit is an error, because SafeKit would make it 0; plain 0 is allowed where the range holds it.
* Standing: *built* does what is said; *stored* is validated, and a module that sets it to another value than the
  default does not start until it is built; *no effect* is accepted so that a file of SafeKit loads, and draws a
  warning unless it is the default; *default only* is an error
  unless it is the default.
* Files are UTF-8, at most 1 MiB. `<!DOCTYPE safe>` is allowed; internal subsets, external identifiers and entities
  are refused.
)";

std::string_view standing_word(Standing standing) {
  switch (standing) {
    case Standing::built:
      return "built";
    case Standing::stored:
      return "stored";
    case Standing::ignored:
      return "no effect";
    case Standing::default_only:
      return "default only";
    case Standing::refused:
      return "refused";
  }
  return {};
}

std::string default_text(const AttributeRow& row) {
  if (row.is_required) return "required";
  if (!row.inherits.empty()) return fmt::format("as `{}`", row.inherits);
  const Value usual = default_value(row, {});
  return usual.is_unset() ? "none" : fmt::format("`{}`", row.type == Type::duration ? usual.text : row.fallback);
}

/// A bar would end the cell of the table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string attribute_line(const AttributeRow& row) {
  std::string meaning{row.description};
  if (!row.not_built.empty()) {
    std::string refused{row.not_built};
    std::replace(refused.begin(), refused.end(), '|', ',');
    meaning += fmt::format(" Not built: `{}`.", refused);
  }
  if (!row.note.empty()) meaning += fmt::format(" Note: {}.", row.note);
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, cell(describe_allowed(row)), cell(default_text(row)),
                     standing_word(row.standing), cell(meaning));
}

std::string occurrence(const ElementRow& row) {
  if (row.parent.empty()) return "root element";
  if (row.count_min == row.count_max) return fmt::format("in `<{}>`, exactly {}", row.parent, row.count_min);
  return fmt::format("in `<{}>`, {} to {}", row.parent, row.count_min, row.count_max);
}

std::string element_text(const ElementRow& row) {
  std::string out = fmt::format("\n## `<{}>`\n\n", row.name);
  out += fmt::format("{}, {}. {}\n", occurrence(row), standing_word(row.standing), row.description);
  const auto attributes = attributes_of(row.name);
  if (attributes.empty()) return out;
  out += "\n| attribute | allowed | default | standing | meaning |\n|---|---|---|---|---|\n";
  for (const AttributeRow& attribute : attributes) out += attribute_line(attribute);
  return out;
}

}  // namespace

std::string reference_markdown() {
  std::string out{preamble};
  std::string refused;
  for (const ElementRow& row : element_rows()) {
    if (row.standing != Standing::refused)
      out += element_text(row);
    else
      refused += fmt::format("| `<{}>` | `<{}>` | {} |\n", row.name, row.parent, row.note);
  }
  return out + "\n## Elements of SafeKit that are refused\n\n| element | in | why |\n|---|---|---|\n" + refused;
}

}  // namespace clusteragent::config
