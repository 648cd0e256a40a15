#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

struct Line {
  std::string path;
  const Value* value;
};

/// `heart.heartbeat[flow]`; elements without attributes (`interface_list`) would only make the paths longer.
std::string path_of(const Section& section, const std::string& parent, std::size_t index) {
  if (attributes_of(section.row->name).empty() || section.row->name == "service") return parent;
  std::string path = parent.empty() ? std::string{} : parent + ".";
  path += section.row->name;
  if (section.row->count_max <= 1) return path;
  const bool has_key = !section.row->key.empty() && !section[section.row->key].is_unset();
  return path + (has_key ? fmt::format("[{}]", section[section.row->key].text) : fmt::format("[{}]", index));
}

void collect(const Section& section, const std::string& path, std::vector<Line>& out) {
  const bool is_service = section.row->name == "service";
  for (const Value& value : section.values) {
    const bool is_idle = value.row->standing == Standing::ignored && !value.is_set();
    if (is_idle || value.is_unset()) continue;
    out.push_back({fmt::format("{}.{}", is_service ? "service" : path, value.row->name), &value});
  }
  for (std::size_t i = 0; i < section.children.size(); ++i) {
    const Section& child = section.children[i];
    std::size_t index = 1;
    for (std::size_t before = 0; before < i; ++before) index += section.children[before].row == child.row ? 1U : 0U;
    collect(child, path_of(child, path, index), out);
  }
}

/// Durations name their unit themselves.
std::string shown(const Value& value) {
  const bool has_unit = value.row->type == Type::integer && !value.row->unit.empty();
  return has_unit ? fmt::format("{} {}", value.text, value.row->unit) : value.text;
}

std::string source_of(const Value& value) {
  std::string text;
  switch (value.source) {
    case Source::set:
      text = fmt::format("set, line {}", value.at.line);
      break;
    case Source::inherited:
      text = fmt::format("default: as {}", value.row->inherits);
      break;
    default:
      text = "default";
      break;
  }
  return value.row->standing == Standing::ignored ? text + "; has no effect" : text;
}

std::string show_section(const Section& root, const std::string& file) {
  std::vector<Line> lines;
  collect(root, {}, lines);
  std::size_t width = 0;
  std::size_t value_width = 0;
  constexpr std::size_t value_width_max = 32;  // one long pattern must not push every mark off the screen
  for (const Line& line : lines) {
    width = std::max(width, line.path.size());
    value_width = std::max(value_width, std::min(shown(*line.value).size(), value_width_max));
  }
  std::string out = fmt::format("# effective values of {}\n", file);
  for (const Line& line : lines) {
    out += fmt::format("{:<{}} = {:<{}}  # {}\n", line.path, width, shown(*line.value), value_width,
                       source_of(*line.value));
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string_view source_word(Source source) {
  if (source == Source::set) return "set";
  return source == Source::inherited ? "inherited" : "default";
}

std::string values_json(const Section& root) {
  std::vector<Line> lines;
  collect(root, {}, lines);
  std::vector<std::string> items;
  for (const Line& line : lines) {
    std::string item = fmt::format("{{\"path\":{},\"value\":{},\"source\":\"{}\"", quoted(line.path),
                                   quoted(shown(*line.value)), source_word(line.value->source));
    if (line.value->is_set()) item += fmt::format(",\"line\":{}", line.value->at.line);
    items.push_back(item + "}");
  }
  return fmt::format("[{}]", fmt::join(items, ","));
}

}  // namespace

std::string show(const ModuleConfig& module) {
  std::string out = show_section(module.effective, module.file);
  for (const StartRefusal& refusal : module.start_refusals)
    out += fmt::format("# not startable: {}\n", refusal.message);
  return out;
}

std::string show(const ClusterConfig& cluster) {
  std::string out = show_section(cluster.effective, cluster.file);
  for (std::size_t i = 0; i < cluster.nodes.size(); ++i) out += fmt::format("# node {}: {}\n", i, cluster.nodes[i]);
  return out;
}

std::string show_json(const ModuleConfig& module) {
  std::vector<std::string> refusals;
  for (const StartRefusal& refusal : module.start_refusals) {
    refusals.push_back(
        fmt::format("{{\"element\":{},\"message\":{}}}", quoted(refusal.element), quoted(refusal.message)));
  }
  return fmt::format("{{\"file\":{},\"values\":{},\"start_refusals\":[{}]}}\n", quoted(module.file),
                     values_json(module.effective), fmt::join(refusals, ","));
}

std::string show_json(const ClusterConfig& cluster) {
  std::vector<std::string> nodes;
  for (const std::string& node : cluster.nodes) nodes.push_back(quoted(node));
  return fmt::format("{{\"file\":{},\"values\":{},\"nodes\":[{}]}}\n", quoted(cluster.file),
                     values_json(cluster.effective), fmt::join(nodes, ","));
}

}  // namespace clusteragent::config
