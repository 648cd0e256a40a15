#include <fmt/format.h>

#include <filesystem>

#include "agent/cli/verbs.hpp"
#include "agent/transport/key_file.hpp"

namespace clusteragent::cli {

void add_keygen(const Program& program) {
  struct Wishes {
    std::string file;
    bool replaces = false;
  };
  auto* verb = program.app.add_subcommand("keygen", "Make the key that both nodes share");
  auto wishes = std::make_shared<Wishes>();
  verb->add_option("--out", wishes->file, "Where to write it; default: /etc/clusteragent/cluster.key")
      ->type_name("FILE");
  verb->add_flag("--force", wishes->replaces, "Replace a key that is there");
  verb->callback([program, wishes] {
    const std::string file = wishes->file.empty() ? program.context.paths.key_file() : wishes->file;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{file}.parent_path(), ignored);
    const Status saved = transport::save_key(file, wire::generate_key(), wishes->replaces);
    if (!saved) {
      program.exit_code = fail(saved.error());
      return;
    }
    fmt::print("{} written. Copy it to the other node (mode 0600), for example: scp -p {} OTHER:{}\n", file, file,
               file);
  });
}

}  // namespace clusteragent::cli
