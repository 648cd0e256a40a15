#pragma once
// ScratchServer: a server over the folder of a copy, for as long as that is made: it is cloned into, or loads a dump.
// It is reached through a socket in a folder of its own alone, where its logs and temporary files are as well. Belongs
// to one thread.
//
// Its program reads the option files that the node's own server reads, or what `server_command` names, so that the
// data fit that server; options for where things are and what is switched on are set over them.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modules/mysql_replication/engine/plan/copy_method.hpp"
#include "modules/mysql_replication/engine/provision/child.hpp"
#include "modules/mysql_replication/engine/server/connection.hpp"

namespace clusteragent::mysql {

struct ScratchOptions {
  Family family = Family::mariadb;
  unsigned version = 0;                         // as version_number()
  std::string command;                          // the server's program; empty: by family, from PATH
  std::string folder;                           // of the copy, an absolute path; there, and empty
  std::string work_folder;                      // made, for what the server needs besides
  std::string owner;                            // the user that servers run as
  std::string log_folder;                       // for what the programs say
  std::map<std::string, std::string> settings;  // of the primary's server, see data_settings
  std::vector<std::string> plugins;             // NAME=LIBRARY
};

/// Variables that two servers must have the same for one to take the other's data files.
inline constexpr const char* data_settings[] = {"innodb_page_size", "innodb_data_file_path", "lower_case_table_names",
                                                "character_set_server", "collation_server"};

class ScratchServer {
 public:
  using IsUnwanted = std::function<bool()>;

  /// An empty database in the folder. Errors: the program's last words.
  static Status make_data(const ScratchOptions& options, const IsUnwanted& is_unwanted);
  /// Waits until it answers `accounts.agent`. Errors: what its error log says.
  static Result<ScratchServer> start(const ScratchOptions& options, const Accounts& accounts,
                                     const IsUnwanted& is_unwanted);

  /// Of a connection that may take its time.
  Result<Connection> connect() const;
  std::string socket() const;
  bool has_ended() { return process_.has_ended(); }
  /// In the middle of whatever it does.
  void kill() { const Child ended = std::move(process_); }
  /// Errors: it did not end in an orderly way, so its data may lack something.
  Status stop(const IsUnwanted& is_unwanted);
  /// With what its error log says of it.
  Error failed(const std::string& what) const;

 private:
  ScratchServer(ScratchOptions options, Accounts accounts, Child process)
      : options_{std::move(options)}, accounts_{std::move(accounts)}, process_{std::move(process)} {}

  ScratchOptions options_;
  Accounts accounts_;
  Child process_;
};

/// root without a password, as whom an empty database is entered; errors are kept clean of the passwords in `known`.
Accounts root_of_scratch(const Accounts& known);
/// Ends what an engine that died has left behind with this folder as its data directory: nobody else would.
void end_left_over(const std::string& folder);
/// In PATH.
bool has_program(const std::string& name);

}  // namespace clusteragent::mysql
