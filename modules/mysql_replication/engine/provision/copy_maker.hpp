#pragma once
// Ways to get a copy of the primary's data into a folder by a server of this engine's own. Each leaves a data directory
// that no server has open, and says where in the primary's log it stands. Blocks; one caller.
#include <functional>

#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/provision/copy_stream.hpp"
#include "modules/mysql_replication/engine/provision/data_directory.hpp"
#include "modules/mysql_replication/engine/server/accounts.hpp"

namespace clusteragent::mysql {

/// Bytes that have come so far, and, where that is known better than by the head, that are to come.
using OnBytes = std::function<void(std::uint64_t, std::uint64_t)>;

struct CopyPlace {
  const Options& options;
  const Accounts& accounts;
  const DataDirectory& data;
  std::function<bool()> is_unwanted;  // ends every wait
};

/// The server of this side fetches the data from the primary's (CLONE INSTANCE).
Result<std::string> clone_data(const CopyPlace& place, const CopyHead& head, CopyStream& stream,
                               const OnBytes& progress);
/// A server of this side runs what the primary's dump tool wrote.
Result<std::string> load_dump(const CopyPlace& place, const CopyHead& head, CopyStream& stream,
                              const OnBytes& progress);

}  // namespace clusteragent::mysql
