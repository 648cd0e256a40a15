// Making the cluster key, and changing it while everything runs (docs/operating.md has the order).
#include <fmt/format.h>

#include <filesystem>

#include "agent/cli/key_checks.hpp"
#include "agent/cli/verbs.hpp"
#include "agent/platform/clock.hpp"
#include "agent/transport/key_file.hpp"
#include "agent/transport/key_rotation.hpp"

namespace clusteragent::cli {
namespace {

constexpr std::int64_t hours_max = 24 * 365;

struct Wishes {
  std::string file;
  bool makes_next = false;
  bool activates = false;
  bool retires = false;
  bool reloads = false;
  bool is_forced = false;
  std::int64_t previous_hours = 24;
};

int make_first(const std::string& file, const Wishes& wishes) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path{file}.parent_path(), ignored);
  const Status saved = transport::save_key(file, wire::generate_key(), wishes.is_forced);
  if (!saved) return fail(saved.error());
  fmt::print("{} written. Copy it to the other node (mode 0600), for example: scp -p {} OTHER:{}\n", file, file, file);
  return exit_success;
}

int make_next(const Context& context, const std::string& file, const Wishes& wishes) {
  const Status made = transport::make_next_key(file, wishes.is_forced);
  if (!made) return fail(made.error());
  const std::string next = transport::next_key_file(file);
  fmt::print(
      "{} written. Copy it to the other node and beside the witness's NAME.key as NAME.key.next (mode 0600), run "
      "`clusteragent keygen --reload` there, then `clusteragent keygen --activate` on one node after the other\n",
      next);
  return tell_to_reload(context, file);
}

int activate(const Context& context, const std::string& file, const Wishes& wishes) {
  const auto loaded = transport::load_key_ring(file);
  const bool is_checked = !wishes.is_forced && loaded && loaded->ring.next;
  if (is_checked) {
    const Status known = check_next_is_accepted(context, file, wire::key_id_text(*loaded->ring.next));
    if (!known) return fail(known.error());
  }
  const wire::UnixSeconds now = platform::unix_seconds();
  const wire::UnixSeconds until = now + wishes.previous_hours * 3600;
  const Status done = transport::activate_next_key(file, now, until, wishes.is_forced);
  if (!done) return fail(done.error());
  fmt::print("{} is the next key now; the former one is accepted until {}\n", file, wire::format_time(until));
  return tell_to_reload(context, file);
}

int retire(const Context& context, const std::string& file, const Wishes& wishes) {
  const auto loaded = transport::load_key_ring(file);
  const bool is_checked = !wishes.is_forced && loaded && loaded->ring.previous;
  if (is_checked) {
    const Status unused = check_previous_is_unused(context, file, wire::key_id_text(loaded->ring.previous->key));
    if (!unused) return fail(unused.error());
  }
  const auto retired = transport::retire_previous_key(file);
  if (!retired) return fail(retired.error());
  fmt::print("{}\n", *retired ? "the previous key is removed" : "there is no previous key");
  return tell_to_reload(context, file);
}

}  // namespace

void add_keygen(const Program& program) {
  auto* verb = program.app.add_subcommand("keygen", "Make the key that both nodes share, or change it");
  auto wishes = std::make_shared<Wishes>();
  verb->add_option("--out", wishes->file, "The key's file; default: /etc/clusteragent/cluster.key")->type_name("FILE");
  verb->add_flag("--force", wishes->is_forced, "Replace a key that is there; go on although a check says no");
  auto* next = verb->add_flag("--next", wishes->makes_next, "Make the next key, which is accepted but not used yet");
  auto* active = verb->add_flag("--activate", wishes->activates, "Sign with the next key, go on accepting the old one");
  auto* retires = verb->add_flag("--retire", wishes->retires, "Accept the old key no more");
  auto* reloads = verb->add_flag("--reload", wishes->reloads, "Tell what runs here to read the keys again");
  next->excludes(active)->excludes(retires)->excludes(reloads);
  active->excludes(retires)->excludes(reloads);
  retires->excludes(reloads);
  verb->add_option("--accept-previous", wishes->previous_hours, "How long the old key is accepted; default: 24")
      ->type_name("HOURS")
      ->check(CLI::Range(std::int64_t{1}, hours_max))
      ->needs(active);
  verb->callback([program, wishes] {
    const Context& context = program.context;
    const std::string file = wishes->file.empty() ? context.paths.key_file() : wishes->file;
    program.exit_code = wishes->makes_next  ? make_next(context, file, *wishes)
                        : wishes->activates ? activate(context, file, *wishes)
                        : wishes->retires   ? retire(context, file, *wishes)
                        : wishes->reloads   ? tell_to_reload(context, file)
                                            : make_first(file, *wishes);
  });
}

}  // namespace clusteragent::cli
