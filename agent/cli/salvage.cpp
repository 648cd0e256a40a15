// `clusteragent salvage`: what a copy from the other node overwrote here. Read from the disk: works also when no agent
// runs.
#include <fmt/format.h>
#include <sys/stat.h>

#include <memory>

#include "agent/cli/verbs.hpp"
#include "agent/control/request.hpp"
#include "agent/data/filesync/salvage/extract.hpp"
#include "agent/data/filesync/salvage/salvage_sets.hpp"

namespace clusteragent::cli {
namespace {

using namespace filesync;

constexpr std::size_t names_shown_max = 10;

struct Wishes {
  std::string set;
  std::string target;
  std::string path;
  bool replaces = false;
  bool all = false;
};

std::string shown(const std::string& text) {
  return control::printable(text, control::message_bytes_max);
}

Result<std::string> sets_folder(const Context& context) {
  const auto module = find_module(context);
  if (!module) return module.error();
  return context.paths.var_dir(*module) + "/filesync/salvage";
}

Result<SalvageSet> find_set(const std::string& folder, const std::string& name) {
  for (const SalvageSet& set : salvage_sets(folder)) {
    if (set.name == name) return set;
  }
  return Error{
      ErrorCode::usage,
      fmt::format("there is no set of salvaged data \"{}\": clusteragent salvage list names them", shown(name))};
}

int list(const Context& context) {
  const auto folder = sets_folder(context);
  if (!folder) return fail(folder.error());
  const auto sets = salvage_sets(*folder);
  if (sets.empty()) fmt::print("nothing was salvaged\n");
  for (const SalvageSet& set : sets) {
    fmt::print("{}  {}  {} MB, {} files: {}{}\n", set.name, set.state, set.bytes / 1'000'000, set.files, shown(set.why),
               set.problem.empty() ? "" : "; not everything is in it: " + shown(set.problem));
  }
  return exit_success;
}

std::string kind_of(mode_t mode) {
  return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "special";
}

int show(const Context& context, const Wishes& wishes) {
  const auto folder = sets_folder(context);
  if (!folder) return fail(folder.error());
  const auto set = find_set(*folder, wishes.set);
  if (!set) return fail(set.error());
  const auto files = salvaged_files(*folder + "/" + set->name);
  if (!files) return fail(files.error());
  for (const SalvagedFile& file : *files) {
    fmt::print("{:7} {:04o} {}:{} {:>12}  {}{}\n", kind_of(file.mode), file.mode & 07777U, file.owner, file.group,
               file.size, escaped(file.path), file.is_lost ? "  (not, or not wholly kept)" : "");
    for (const SalvagedRange& range : file.ranges) fmt::print("        {} bytes at {}\n", range.bytes, range.offset);
  }
  return exit_success;
}

void name_some(const char* what, const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  fmt::print("{}:\n", what);
  for (std::size_t at = 0; at < std::min(paths.size(), names_shown_max); ++at) fmt::print("  {}\n", escaped(paths[at]));
  if (paths.size() > names_shown_max) fmt::print("  and {} more\n", paths.size() - names_shown_max);
}

int extract(const Context& context, const Wishes& wishes) {
  const auto folder = sets_folder(context);
  if (!folder) return fail(folder.error());
  const auto set = find_set(*folder, wishes.set);
  if (!set) return fail(set.error());
  const auto path = unescaped(wishes.path);
  if (!path || (!path->empty() && !is_inner_path(*path)))
    return fail({ErrorCode::usage, "the path is one of clusteragent salvage show, such as mysql/user.frm"});
  const auto done =
      extract_salvage({*folder + "/" + set->name, set->directories, wishes.target, *path, wishes.replaces});
  if (!done) return fail(done.error());
  fmt::print("{} files of {} are in {}\n", done->files, set->name, wishes.target);
  name_some("laid over the present file, because only blocks of it were kept", done->laid_over);
  name_some("not whole: it was not, or not wholly kept", done->lost);
  return done->lost.empty() ? exit_success : exit_failure;
}

int drop(const Context& context, const Wishes& wishes) {
  const auto folder = sets_folder(context);
  if (!folder) return fail(folder.error());
  if (wishes.all == !wishes.set.empty()) return fail({ErrorCode::usage, "name one set, or say --all"});
  std::vector<std::string> names{wishes.set};
  if (wishes.all) {
    names.clear();
    for (const SalvageSet& set : salvage_sets(*folder)) names.push_back(set.name);
  }
  for (const std::string& name : names) {
    if (const Status dropped = drop_salvage_set(*folder, name); !dropped) return fail(dropped.error());
    fmt::print("dropped {}\n", shown(name));
  }
  return exit_success;
}

}  // namespace

void add_salvage(const Program& program) {
  auto* verb = program.app.add_subcommand("salvage", "What a copy from the other node overwrote on this one (<rfs>)");
  verb->require_subcommand(1);
  auto wishes = std::make_shared<Wishes>();
  verb->add_subcommand("list", "The sets that there are, the oldest first")->callback([program] {
    program.exit_code = list(program.context);
  });
  auto* one = verb->add_subcommand("show", "The files of a set");
  one->add_option("SET", wishes->set, "Name of a set")->required();
  one->callback([program, wishes] { program.exit_code = show(program.context, *wishes); });
  auto* out = verb->add_subcommand("extract", "Put files of a set, as they were, into a directory");
  out->add_option("SET", wishes->set, "Name of a set")->required();
  out->add_option("DIRECTORY", wishes->target, "Where to; empty, or made; never a replicated one")->required();
  out->add_option("PATH", wishes->path, "A file or folder as `salvage show` writes it; all of them without");
  out->add_flag("--replace", wishes->replaces, "The directory may hold files; those of the same path are replaced");
  out->callback([program, wishes] { program.exit_code = extract(program.context, *wishes); });
  auto* away = verb->add_subcommand("drop", "Remove a set");
  away->add_option("SET", wishes->set, "Name of a set");
  away->add_flag("--all", wishes->all, "Every set");
  away->callback([program, wishes] { program.exit_code = drop(program.context, *wishes); });
}

}  // namespace clusteragent::cli
