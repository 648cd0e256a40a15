#include "agent/config/config.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "agent/cli/verbs.hpp"
#include "agent/platform/environment.hpp"

namespace clusteragent::cli {
namespace {

struct Wishes {
  std::vector<std::string> files;
  bool as_json = false;
};

void print_diagnostics(const std::vector<config::Diagnostic>& diagnostics) {
  for (const auto& diagnostic : diagnostics) fmt::print(stderr, "{}\n", diagnostic.format());
}

struct Loaded {
  std::optional<config::ClusterConfig> cluster;
  std::vector<config::ModuleConfig> modules;
  bool has_errors = false;
};

/// Reads the cluster.xml of this node where there is one; without it what refers to it is not checked.
void load_cluster(const Context& context, Loaded& loaded) {
  const std::string path = context.paths.cluster_file();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  const auto text = config::read_file(path);
  if (!text) {
    fail(text.error());
    loaded.has_errors = true;
    return;
  }
  auto parsed = config::parse_cluster(*text, path);
  print_diagnostics(parsed.diagnostics);
  loaded.has_errors |= !parsed.value;
  loaded.cluster = std::move(parsed.value);
}

/// The name of the first element; what stands before it (declaration, comments, document type) is skipped.
std::string root_element(std::string_view text) {
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
    const std::string_view rest = text.substr(at);
    std::string_view closing = ">";
    if (rest.starts_with("<!--"))
      closing = "-->";
    else if (rest.starts_with("<?"))
      closing = "?>";
    else if (!rest.starts_with("<!"))
      return std::string{rest.substr(1, rest.find_first_of(" \t\r\n/>") - 1)};
    const std::size_t end = text.find(closing, at);
    if (end == std::string_view::npos) break;
    at = end + closing.size();
  }
  return {};
}

void check_cluster(const std::string& text, const std::string& path, Loaded& loaded) {
  auto parsed = config::parse_cluster(text, path);
  print_diagnostics(parsed.diagnostics);
  loaded.has_errors |= !parsed.value;
  if (parsed.value) fmt::print("{}: in order\n", path);
  loaded.cluster = std::move(parsed.value);
}

void check_module(const std::string& text, const std::string& path, Loaded& loaded) {
  auto parsed =
      config::parse_module(text, path, loaded.cluster ? &*loaded.cluster : nullptr, platform::process_environment);
  print_diagnostics(parsed.diagnostics);
  loaded.has_errors |= !parsed.value;
  if (!parsed.value) return;
  fmt::print("{}: in order\n", path);
  for (const auto& refusal : parsed.value->start_refusals) {
    fmt::print("{}: but it would not start: {}\n", path, refusal.message);
  }
  loaded.modules.push_back(std::move(*parsed.value));
}

/// A cluster.xml among the files comes first and is the one that the others are checked against.
void check_files(const std::vector<std::string>& files, Loaded& loaded) {
  std::vector<std::pair<std::string, std::string>> modules;
  for (const std::string& path : files) {
    auto text = config::read_file(path);
    if (!text) {
      fail(text.error());
      loaded.has_errors = true;
    } else if (root_element(*text) == "cluster") {
      check_cluster(*text, path, loaded);
    } else {
      modules.emplace_back(path, std::move(*text));
    }
  }
  for (const auto& [path, text] : modules) check_module(text, path, loaded);
}

std::vector<std::string> files_of(const Context& context, const Wishes& wishes) {
  if (!wishes.files.empty()) return wishes.files;
  if (!context.module.empty()) return {context.paths.user_config(context.module)};
  std::vector<std::string> files;
  for (const std::string& module : installed_modules(context.paths)) files.push_back(context.paths.user_config(module));
  return files;
}

int check(const Context& context, const Wishes& wishes) {
  Loaded loaded;
  load_cluster(context, loaded);
  const auto files = files_of(context, wishes);
  if (files.empty()) return fail({ErrorCode::configuration, "no module in " + context.paths.modules_dir()});
  check_files(files, loaded);
  if (wishes.files.empty()) {
    std::error_code error;
    if (!std::filesystem::exists(context.paths.cluster_file(), error)) {
      fail({ErrorCode::configuration, context.paths.cluster_file() + " is missing: no agent starts without it"});
      loaded.has_errors = true;
    }
    for (const auto& diagnostic : config::check_modules(loaded.modules)) {
      fmt::print(stderr, "{}\n", diagnostic.format());
      loaded.has_errors |= diagnostic.severity == config::Severity::error;
    }
  }
  return loaded.has_errors ? exit_configuration : exit_success;
}

int show(const Context& context, const Wishes& wishes) {
  Loaded loaded;
  load_cluster(context, loaded);
  std::string file = wishes.files.empty() ? "" : wishes.files.front();
  if (file.empty()) {
    const auto module = find_module(context);
    if (!module) return fail(module.error());
    file = context.paths.user_config(*module);
  }
  const auto text = config::read_file(file);
  if (!text) return fail(text.error());
  const auto parsed =
      config::parse_module(*text, file, loaded.cluster ? &*loaded.cluster : nullptr, platform::process_environment);
  print_diagnostics(parsed.diagnostics);
  if (!parsed.value) return exit_configuration;
  fmt::print("{}", wishes.as_json ? config::show_json(*parsed.value) + "\n" : config::show(*parsed.value));
  if (loaded.cluster && !wishes.as_json) {
    fmt::print("# hash that both nodes compare: {:016x}\n", config::effective_hash(*parsed.value, *loaded.cluster));
  }
  return exit_success;
}

}  // namespace

void add_config(const Program& program) {
  auto* verb = program.app.add_subcommand("config", "Check or show the configuration");
  verb->require_subcommand(1);
  verb->fallthrough();
  auto wishes = std::make_shared<Wishes>();
  auto* check_verb = verb->add_subcommand("check", "Name every mistake with its line, column and remedy");
  check_verb->add_option("FILE", wishes->files, "userconfig.xml or cluster.xml; default: all modules of this node");
  check_verb->callback([program, wishes] { program.exit_code = check(program.context, *wishes); });
  auto* show_verb = verb->add_subcommand("show", "Show the effective values with their defaults");
  show_verb->add_option("FILE", wishes->files, "userconfig.xml; default: the module's")->expected(0, 1);
  show_verb->add_flag("--json", wishes->as_json, "As JSON");
  show_verb->callback([program, wishes] { program.exit_code = show(program.context, *wishes); });
}

}  // namespace clusteragent::cli
