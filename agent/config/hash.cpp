#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string>

#include "agent/config/config.hpp"

namespace clusteragent::config {
namespace {

/// Change it when a default changes its meaning, so that two versions which differ there do not look alike.
constexpr std::string_view hash_format = "clusteragent configuration 1";

/// Lengths stand before texts, so that no two different trees are written alike.
void append(std::string& out, std::string_view text) {
  out += fmt::format("{}:{} ", text.size(), text);
}

/// Defaults are left out: spelled out or not they are the same, and a version with more options hashes an old file as
/// the version before it did.
void append(std::string& out, const Section& section, const Section* parent) {
  if (section.row->name == "macro") return;
  append(out, section.row->name);
  for (const Value& value : section.values) {
    if (!value.is_set() || value.row->standing == Standing::ignored) continue;
    const Value* inherited = inherited_from(*value.row, section, parent);
    const Value usual = inherited != nullptr ? *inherited : default_value(*value.row, {});
    if (!usual.is_unset() && usual.text == value.text) continue;
    append(out, value.row->name);
    append(out, value.text);
  }
  out += '{';
  for (const Section& child : section.children) append(out, child, &section);
  out += '}';
}

}  // namespace

std::uint64_t effective_hash(const ModuleConfig& module, const ClusterConfig& cluster) {
  std::string text{hash_format};
  append(text, module.effective, nullptr);
  for (const std::string& node : cluster.nodes) append(text, node);
  for (const HeartbeatConfig& heartbeat : module.heart.heartbeats) {
    const Lan* lan = cluster.find_lan(heartbeat.lan);
    append(text, heartbeat.lan);
    if (lan == nullptr) continue;
    for (const std::string& name : cluster.nodes) {
      const LanNode* node = lan->find(name);
      if (node == nullptr) continue;
      append(text, node->address.text());
      append(text, node->local_address.text());
    }
  }
  return XXH64(text.data(), text.size(), 0);
}

}  // namespace clusteragent::config
