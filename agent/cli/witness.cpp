#include <fmt/format.h>

#include "agent/cli/verbs.hpp"
#include "agent/control/client.hpp"
#include "agent/control/render.hpp"
#include "agent/control/render_parts.hpp"

namespace clusteragent::cli {
namespace {

using control::Json;

std::int64_t number_of(const Json& object, const char* key) {
  return control::number(object, key).value_or(0);
}

std::string record_line(const Json& module) {
  const Json& record = control::part(module, "record");
  if (number_of(module, "voted_epoch") == 0) return "no vote yet";
  std::string nodes;
  for (const Json& node : control::part(record, "sync_set")) {
    if (node.is_number()) nodes += fmt::format("{}{}", nodes.empty() ? "" : " ", node.get<int>());
  }
  return fmt::format("epoch {} revision {}, holder node {}, up to date: {}; voted in epoch {} for node {}",
                     number_of(record, "epoch"), number_of(record, "revision"), number_of(record, "holder"), nodes,
                     number_of(module, "voted_epoch"), number_of(module, "voted_for"));
}

std::string promise_line(const Json& module) {
  const Json& promise = control::part(module, "promise");
  const std::int64_t silent = number_of(module, "silent_ms");
  if (silent > 0) return fmt::format("silent after a reboot, {} more", control::duration_text(silent));
  if (!promise.is_object()) return "none";
  return fmt::format("to node {}, {} more", number_of(promise, "holder"),
                     control::duration_text(number_of(promise, "left_ms")));
}

std::string render_module(const Json& module) {
  const auto age = control::number(module, "last_asked_age_ms");
  std::string shown = fmt::format("  module {}\n", control::or_unknown(control::text(module, "module")));
  shown += fmt::format("    votes    {}\n", record_line(module));
  shown += fmt::format("    promise  {}\n", promise_line(module));
  shown += fmt::format("    asked    {}\n", age ? control::duration_text(*age) + " ago" : "not since the witness runs");
  const std::string problem = control::text(module, "problem");
  if (!problem.empty()) shown += fmt::format("    PROBLEM  {}\n", problem);
  return shown;
}

std::string render(const Json& status) {
  std::string shown =
      fmt::format("witness {} on UDP port {}\n", control::text(status, "version"), number_of(status, "port"));
  for (const Json& cluster : control::part(status, "clusters")) {
    shown += fmt::format("cluster {} (key {})\n", control::text(cluster, "key_file"), control::text(cluster, "key_id"));
    for (const Json& key : control::part(cluster, "keys")) {
      shown += fmt::format("  accepts {}, {} questions\n", control::text(key, "key_id"), number_of(key, "asked"));
    }
    const Json& modules = control::part(cluster, "modules");
    if (modules.empty()) shown += "  no module has asked yet\n";
    for (const Json& module : modules) shown += render_module(module);
  }
  shown += "datagrams";
  const Json& datagrams = control::part(status, "datagrams");
  for (const char* key : {"received", "granted", "refused", "unproven", "replayed", "malformed", "foreign_key",
                          "bad_mac", "other_version", "too_many_modules"}) {
    shown += fmt::format(" {} {}", key, number_of(datagrams, key));
  }
  return shown + "\n";
}

int show(const Context& context, bool as_json) {
  auto answer = control::request(context.paths.witness_socket(), "witness", {{"request", "status"}});
  if (!answer && answer.error().code == ErrorCode::unreachable) {
    return fail({ErrorCode::unreachable,
                 fmt::format("no witness answers at {}: systemctl start clusteragent-witness, or see systemctl status "
                             "clusteragent-witness",
                             context.paths.witness_socket())});
  }
  if (!answer) return fail(answer.error());
  const Json& status = control::part(*answer, "status");
  if (!status.is_object()) return fail({ErrorCode::corrupt, "the witness's answer is not understood"});
  if (as_json) {
    fmt::print("{}\n", status.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", render(status));
  }
  return exit_success;
}

}  // namespace

void add_witness(const Program& program, const RunWitness& run_witness) {
  auto* verb = program.app.add_subcommand("witness", "The third voter, on a machine of its own");
  verb->require_subcommand(1);
  verb->fallthrough();
  auto listen = std::make_shared<std::string>();
  auto* run = verb->add_subcommand("run", "Run the witness in the foreground (the service does this)");
  run->add_option("--listen", *listen, "Where questions arrive; default: every address, port 9200")
      ->type_name("ADDRESS:PORT");
  run->callback([program, run_witness, listen] {
    program.exit_code = run_witness({program.context.paths.root, *listen});
  });
  auto as_json = std::make_shared<bool>(false);
  auto* status = verb->add_subcommand("status", "Show clusters, votes, promises and refused datagrams");
  status->add_flag("--json", *as_json, "As JSON (docs/witness.md)");
  status->callback([program, as_json] { program.exit_code = show(program.context, *as_json); });
}

}  // namespace clusteragent::cli
