#pragma once
// How a copy of the primary's data is made: what is there decides, the best first. PURE, values.
//   clone   MySQL of Oracle's from 8.0.17 on: the server sends its data files to a server
//   backup  MariaDB: mariadb-backup copies the data files
//   dump    any: SQL, which a new server runs; slower, and longer the more there is
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.hpp"
#include "modules/mysql_replication/engine/gtid/gtids.hpp"

namespace clusteragent::mysql {

enum class CopyMethod { clone, backup, dump };
const char* text_of(CopyMethod method);
std::optional<CopyMethod> copy_method_of(std::string_view text);

/// What one node has for it.
struct CopyMeans {
  bool has_backup_tool = false;  // mariadb-backup, and mbstream where the copy is unpacked
  bool has_loader = false;       // of a standby: server and client programs to load a dump; of a primary: what dumps
  bool has_clone = false;        // of a primary: its server has the plugin
};

/// Errors: what is to be installed, and where.
Result<CopyMethod> choose_copy(Family family, const CopyMeans& primary, const CopyMeans& standby);

/// The programs of a family of servers, by the names they have in PATH.
struct Programs {
  const char* server;
  const char* client;
  const char* dump;
};
Programs programs_of(Family family);

/// Major and minor of what a server says as its version, as 506 for 5.6.24; 0: it says none.
unsigned version_number(std::string_view version);

}  // namespace clusteragent::mysql
