#include "agent/config/section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/base/assert.hpp"

namespace clusteragent::config {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class SectionReader {
 public:
  SectionReader(const XmlElement& element, const ElementRow& row, const Section* parent, Macros& macros,
                Diagnostics& diagnostics)
      : element_{element}, parent_{parent}, macros_{macros}, diagnostics_{diagnostics} {
    section_.row = &row;
    section_.at = element.at;
  }

  Section read() {
    if (element_.text_at) {
      diagnostics_.error(*element_.text_at,
                         fmt::format("text inside <{}>: only elements can stand there", element_.name));
    }
    for (const XmlAttribute& attribute : element_.attributes) check_known(attribute);
    for (const AttributeRow& row : attributes_of(element_.name)) read_attribute(row);
    for (Value& value : section_.values) inherit(value);
    for (const XmlElement& child : element_.children) read_child(child);
    check_counts();
    return std::move(section_);
  }

 private:
  void check_known(const XmlAttribute& attribute) {
    if (find_attribute(element_.name, attribute.name) != nullptr) return;
    std::vector<std::string_view> names;
    for (const AttributeRow& row : attributes_of(element_.name)) names.push_back(row.name);
    std::string message = fmt::format("<{}> has no attribute \"{}\"", element_.name, attribute.name);
    std::string allowed = names.empty() ? "no attribute" : fmt::format("{}", fmt::join(names, ", "));
    diagnostics_.error(attribute.at, std::move(message),
                       {attribute.value, std::move(allowed), nearest_name(attribute.name, names)});
  }

  void read_attribute(const AttributeRow& row) {
    const auto is_it = [&](const XmlAttribute& attribute) { return attribute.name == row.name; };
    const auto found = std::find_if(element_.attributes.begin(), element_.attributes.end(), is_it);
    if (found == element_.attributes.end()) {
      Value value = default_value(row, element_.at);
      if (row.is_required) value.is_valid = false;
      if (row.is_required && !is_misspelt(row)) {
        diagnostics_.error(element_.at, fmt::format("<{}> lacks the attribute \"{}\"", row.element, row.name),
                           {{}, describe_allowed(row), {}});
      }
      section_.values.push_back(std::move(value));
      return;
    }
    const auto text = macros_.expand(found->value, found->at, diagnostics_);
    Value value = text ? read_value(row, *text, found->at, diagnostics_) : default_value(row, found->at);
    if (!text) value.is_valid = false;
    section_.values.push_back(std::move(value));
  }

  /// A required attribute under another name has been reported as unknown once already.
  bool is_misspelt(const AttributeRow& row) const {
    return std::any_of(element_.attributes.begin(), element_.attributes.end(), [&](const XmlAttribute& attribute) {
      return find_attribute(element_.name, attribute.name) == nullptr &&
             nearest_name(attribute.name, {row.name}) == row.name;
    });
  }

  void inherit(Value& value) const {
    if (value.row->inherits.empty() || !value.is_unset() || !value.is_valid) return;
    const Value& from = *inherited_from(*value.row, section_, parent_);
    value.text = from.text;
    value.number = from.number;
    value.is_valid = from.is_valid;
    value.source = from.is_unset() ? Source::unset : Source::inherited;
  }

  void read_child(const XmlElement& child) {
    const ElementRow* row = find_element(child.name, element_.name);
    if (row == nullptr) return report_unknown(child);
    if (row->standing == Standing::refused) {
      diagnostics_.error(child.at, fmt::format("<{}> is refused: {}", child.name, row->note));
      return;
    }
    const bool comes_too_late = child.name == "macro" && section_.find("service") != nullptr;
    if (comes_too_late)
      diagnostics_.error(child.at, "<macro> stands after <service>, where nothing can use it any more");
    section_.children.push_back(read_section(child, *row, &section_, macros_, diagnostics_));
    if (child.name == "macro" && !comes_too_late) define_macro(section_.children.back());
  }

  void define_macro(const Section& macro) {
    const Value& name = macro["name"];
    const Value& value = macro["value"];
    if (!name.is_valid) return;
    if (macros_.define(name.text, value.is_valid ? std::optional{value.text} : std::nullopt)) return;
    diagnostics_.error(name.at, fmt::format("{} is defined a second time", name_attribute(*name.row, name.text)),
                       {name.text, {}, {}});
  }

  void report_unknown(const XmlElement& child) {
    std::vector<std::string_view> names;
    std::vector<std::string_view> homes;
    for (const ElementRow& row : element_rows()) {
      if (row.parent == element_.name) names.push_back(row.name);
      if (row.name == child.name && !row.parent.empty()) homes.push_back(row.parent);
    }
    std::string message = fmt::format("<{}> cannot stand inside <{}>", child.name, element_.name);
    if (!homes.empty()) message += fmt::format("; its place is inside <{}>", homes.front());
    std::string allowed = names.empty() ? "no element" : fmt::format("<{}>", fmt::join(names, ">, <"));
    diagnostics_.error(child.at, std::move(message), {{}, std::move(allowed), nearest_name(child.name, names)});
  }

  void check_counts() {
    for (const ElementRow& row : element_rows()) {
      if (row.parent != element_.name || row.standing == Standing::refused) continue;
      const auto found = section_.all(row.name);
      if (found.size() > row.count_max) {
        diagnostics_.error(found[row.count_max]->at, fmt::format("<{}> has too many <{}>", element_.name, row.name),
                           {{}, fmt::format("at most {}", row.count_max), {}});
      }
      if (found.size() < row.count_min && !is_attempted(row)) {
        diagnostics_.error(element_.at,
                           fmt::format("<{}> has no <{}>; it needs at least one", element_.name, row.name));
      }
    }
  }

  /// A misspelt or refused child that was probably meant for this row has been reported once already.
  bool is_attempted(const ElementRow& row) const {
    return std::any_of(element_.children.begin(), element_.children.end(), [&](const XmlElement& child) {
      const ElementRow* known = find_element(child.name, element_.name);
      if (known != nullptr)
        return known->standing == Standing::refused && known->name.find(row.name) != std::string_view::npos;
      return nearest_name(child.name, {row.name}) == row.name;
    });
  }

  const XmlElement& element_;
  const Section* parent_;
  Macros& macros_;
  Diagnostics& diagnostics_;
  Section section_;
};

}  // namespace

const Value& Section::operator[](std::string_view attribute) const {
  const auto is_it = [&](const Value& value) { return value.row->name == attribute; };
  const auto found = std::find_if(values.begin(), values.end(), is_it);
  CLUSTERAGENT_ASSERT(found != values.end());
  return *found;
}

const Section* Section::find(std::string_view element) const {
  for (const Section& child : children) {
    if (child.row->name == element) return &child;
  }
  return nullptr;
}

std::vector<const Section*> Section::all(std::string_view element) const {
  std::vector<const Section*> found;
  for (const Section& child : children) {
    if (child.row->name == element) found.push_back(&child);
  }
  return found;
}

const Value* inherited_from(const AttributeRow& row, const Section& own, const Section* parent) {
  if (row.inherits.empty()) return nullptr;
  const std::size_t dot = row.inherits.find('.');
  const std::string_view element = row.inherits.substr(0, dot);
  const Section* owner = element == own.row->name ? &own : parent;
  CLUSTERAGENT_ASSERT(owner != nullptr && owner->row->name == element);
  return &(*owner)[row.inherits.substr(dot + 1)];
}

std::optional<std::string> Macros::expand(const std::string& text, Position at, Diagnostics& diagnostics) const {
  std::string out;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t open = text.find('%', from);
    out += text.substr(from, open == std::string::npos ? open : open - from);
    if (open == std::string::npos) break;
    std::size_t close = open + 1;
    while (close < text.size() && is_name_char(text[close])) ++close;
    if (close == open + 1 || close == text.size() || text[close] != '%') {
      out += '%';
      from = open + 1;
      continue;
    }
    const std::string name = text.substr(open + 1, close - open - 1);
    const auto macro = texts_.find(name);
    const auto outside = environment_ ? environment_(name) : std::nullopt;
    const auto found = macro != texts_.end() ? macro->second : outside;
    if (!found && macro != texts_.end()) return std::nullopt;
    if (!found) {
      std::vector<std::string_view> names;
      for (const auto& entry : texts_) names.push_back(entry.first);
      diagnostics.error(at, fmt::format("\"%{}%\" is defined neither by a <macro> above nor in the environment", name),
                        {text, {}, nearest_name(name, names)});
      return std::nullopt;
    }
    out += *found;
    if (out.size() > value_bytes_max) {
      diagnostics.error(at, fmt::format("\"%{}%\" makes the value longer than {} bytes", name, value_bytes_max));
      return std::nullopt;
    }
    from = close + 1;
  }
  return out;
}

Section read_section(const XmlElement& element, const ElementRow& row, const Section* parent, Macros& macros,
                     Diagnostics& diagnostics) {
  return SectionReader{element, row, parent, macros, diagnostics}.read();
}

std::optional<Section> read_root(const XmlElement& root, std::string_view name, Environment environment,
                                 Diagnostics& diagnostics) {
  const ElementRow* row = find_element(name, {});
  CLUSTERAGENT_ASSERT(row != nullptr);
  if (root.name != name) {
    const bool is_other_file = find_element(root.name, {}) != nullptr;
    std::string message = fmt::format("the root element is <{}> instead of <{}>", root.name, name);
    if (is_other_file)
      message += fmt::format("; this is a {}", root.name == "cluster" ? "cluster.xml" : "userconfig.xml");
    diagnostics.error(root.at, std::move(message), {{}, fmt::format("<{}>", name), nearest_name(root.name, {name})});
    return std::nullopt;
  }
  Macros macros{std::move(environment)};
  return read_section(root, *row, nullptr, macros, diagnostics);
}

}  // namespace clusteragent::config
