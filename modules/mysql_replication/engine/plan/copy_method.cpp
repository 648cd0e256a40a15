#include "modules/mysql_replication/engine/plan/copy_method.hpp"

#include <fmt/format.h>

#include <charconv>

namespace clusteragent::mysql {

const char* text_of(CopyMethod method) {
  switch (method) {
    case CopyMethod::clone:
      return "clone";
    case CopyMethod::backup:
      return "backup";
    case CopyMethod::dump:
      return "dump";
  }
  return "";
}

std::optional<CopyMethod> copy_method_of(std::string_view text) {
  for (const CopyMethod each : {CopyMethod::clone, CopyMethod::backup, CopyMethod::dump}) {
    if (text == text_of(each)) return each;
  }
  return std::nullopt;
}

Programs programs_of(Family family) {
  if (family == Family::mariadb) return {"mariadbd", "mariadb", "mariadb-dump"};
  return {"mysqld", "mysql", "mysqldump"};
}

Result<CopyMethod> choose_copy(Family family, const CopyMeans& primary, const CopyMeans& standby) {
  const bool is_mariadb = family == Family::mariadb;
  // Both need a server of its own on the standby's side, for which has_loader stands.
  if (!is_mariadb && primary.has_clone && standby.has_loader) return CopyMethod::clone;
  if (is_mariadb && primary.has_backup_tool && standby.has_backup_tool) return CopyMethod::backup;
  if (primary.has_loader && standby.has_loader) return CopyMethod::dump;
  const Programs names = programs_of(family);
  const std::string best = is_mariadb ? "mariadb-backup on both nodes, or " : "the server's plugin clone, or ";
  return Error{
      ErrorCode::refused,
      fmt::format("there is nothing that a copy could be made with: install {}{} on the primary (it is {}), and "
                  "{} and {} on the standby (they are {})",
                  best, names.dump, primary.has_loader ? "there" : "not there", names.server, names.client,
                  standby.has_loader ? "there" : "not there")};
}

unsigned version_number(std::string_view version) {
  unsigned major = 0;
  unsigned minor = 0;
  const char* const end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, major);
  if (first.ptr != end && *first.ptr == '.') std::from_chars(first.ptr + 1, end, minor);
  return major * 100 + minor;
}

}  // namespace clusteragent::mysql
