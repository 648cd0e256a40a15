// Anything at all as cluster.xml and userconfig.xml. What is accepted must be complete enough to be shown, hashed and
// read back from its own places; what is refused must say where.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/config/config.hpp"

namespace {

using namespace clusteragent;

constexpr std::string_view two_nodes =
    "<cluster><lans><lan name=\"default\"><node name=\"a\" addr=\"10.0.0.1\"/><node name=\"b\" "
    "addr=\"10.0.0.2\"/></lan>"
    "</lans></cluster>";

template <typename T>
void check(const config::Parsed<T>& parsed, std::string_view text) {
  const auto& list = parsed.diagnostics;
  const auto is_error = [](const auto& diagnostic) { return diagnostic.severity == config::Severity::error; };
  CLUSTERAGENT_ASSERT(parsed.value.has_value() == std::none_of(list.begin(), list.end(), is_error));
  CLUSTERAGENT_ASSERT(list.size() <= config::diagnostics_max + 1);
  const auto lines = static_cast<std::uint32_t>(1 + std::count(text.begin(), text.end(), '\n'));
  for (const auto& diagnostic : list) {
    CLUSTERAGENT_ASSERT(diagnostic.line >= 1 && diagnostic.line <= lines && diagnostic.column >= 1);
    CLUSTERAGENT_ASSERT(!diagnostic.format().empty());
  }
  if (!parsed.value) return;
  CLUSTERAGENT_ASSERT(!config::show(*parsed.value).empty());
  CLUSTERAGENT_ASSERT(!config::show_json(*parsed.value).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto cluster = *config::parse_cluster(two_nodes, "cluster.xml").value;
  const auto no_environment = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  check(config::parse_cluster(text, "cluster.xml"), text);
  check(config::parse_module(text, "userconfig.xml", nullptr, no_environment), text);
  const auto module = config::parse_module(text, "userconfig.xml", &cluster, no_environment);
  check(module, text);
  if (!module.value) return 0;
  const auto again = config::parse_module(text, "other.xml", &cluster, no_environment);
  CLUSTERAGENT_ASSERT(config::effective_hash(*module.value, cluster) == config::effective_hash(*again.value, cluster));
  CLUSTERAGENT_ASSERT(!config::heartbeat_paths(*module.value, cluster, NodeId{0}).empty());
  const std::vector<config::ModuleConfig> both{*module.value, *again.value};
  CLUSTERAGENT_ASSERT(!config::check_modules(both).empty());
  return 0;
}
