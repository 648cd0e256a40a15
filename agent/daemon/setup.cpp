#include "agent/daemon/setup.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "agent/daemon/network.hpp"
#include "agent/daemon/state_file.hpp"
#include "agent/platform/environment.hpp"

namespace clusteragent::daemon {
namespace {

template <typename T>
Result<T> accept(config::Parsed<T> parsed, const std::string& file) {
  for (const auto& diagnostic : parsed.diagnostics) fmt::print(stderr, "{}\n", diagnostic.format());
  if (!parsed.value) {
    return Error{ErrorCode::configuration, fmt::format("{} has errors; clusteragent config check shows them", file)};
  }
  return std::move(*parsed.value);
}

Status make_directory(const std::string& path, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return Error{ErrorCode::system, fmt::format("cannot make {}: {}", path, error.message())};
  if (::chmod(path.c_str(), mode) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot set the mode of {}: {}", path, std::strerror(errno))};
  }
  return success();
}

Status make_directories(const Setup& setup) {
  for (const auto& [path, mode] : {std::pair{setup.paths.var_dir(setup.module), mode_t{0750}},
                                   std::pair{setup.paths.run_dir(setup.module), mode_t{0755}},
                                   std::pair{setup.paths.log_dir(setup.module), mode_t{0750}}}) {
    if (const Status made = make_directory(path, mode); !made) return made;
  }
  return success();
}

Status load_files(Setup& setup) {
  const auto cluster_text = config::read_file(setup.paths.cluster_file());
  if (!cluster_text) return cluster_text.error();
  auto cluster = accept(config::parse_cluster(*cluster_text, setup.paths.cluster_file()), setup.paths.cluster_file());
  if (!cluster) return cluster.error();
  setup.cluster = std::move(*cluster);
  const std::string file = setup.paths.user_config(setup.module);
  const auto module_text = config::read_file(file);
  if (!module_text) return module_text.error();
  auto module = accept(config::parse_module(*module_text, file, &setup.cluster, platform::process_environment), file);
  if (!module) return module.error();
  setup.config = std::move(*module);
  if (!setup.config.start_refusals.empty()) {
    return Error{ErrorCode::configuration, fmt::format("{}: {}", file, setup.config.start_refusals.front().message)};
  }
  return success();
}

Incarnation random_incarnation() {
  std::random_device source;
  const std::uint64_t number = (std::uint64_t{source()} << 32) | source();
  return Incarnation{number == 0 ? 1 : number};
}

}  // namespace

Result<Setup> load_setup(const RunOptions& options) {
  Setup setup;
  setup.paths.root = options.root;
  setup.module = options.module;
  if (const Status loaded = load_files(setup); !loaded) return loaded.error();
  const auto self = config::own_node(setup.cluster, {options.node, host_name(), local_addresses()});
  if (!self) return self.error();
  setup.self = *self;
  auto keys = transport::load_key_ring(setup.paths.key_file());
  if (!keys) return keys.error();
  setup.keys = std::move(*keys);
  if (const Status made = make_directories(setup); !made) return made.error();
  const auto durable = load_state(setup.paths.state_file(setup.module));
  if (!durable) return durable.error();
  if (*durable) setup.durable = **durable;
  setup.incarnation = random_incarnation();
  return setup;
}

}  // namespace clusteragent::daemon
