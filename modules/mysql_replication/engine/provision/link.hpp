#pragma once
// How a copy travels: the channel of file replication (TLS, the module's own key), with a few of its frames. From the
// standby: hello {version, means}. From the primary: welcome (CopyHead); then by the method that it says
//   backup  write with pieces of what the backup tool streams, copy_end
//   dump    the standby's ack when it can load it, then as backup, with SQL in the pieces
//   clone   the standby's server fetches the data from the primary's; the standby's copied, copy_end
// or refusal, or failure, with the reason as text. Values; any thread.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/data/filesync/wire/channel.hpp"
#include "modules/mysql_replication/engine/plan/copy_method.hpp"

namespace clusteragent::mysql {

inline constexpr unsigned link_version = 1;
/// A disk that is written back at once stands still for seconds, and nothing is said meanwhile.
inline constexpr Duration link_silence = std::chrono::seconds{15};
/// A server that loads a dump takes nothing more while one statement lasts.
inline constexpr Duration link_send_limit = std::chrono::minutes{5};

struct CopyHead {
  std::uint64_t bytes = 0;  // about: files grow while they are read
  std::string version;      // of the server
  std::string log_state;    // Gtids of its log before the copy began; MariaDB's alone
  CopyMethod method = CopyMethod::backup;
  std::uint64_t bytes_sent = 0;                 // about; 0: as many as `bytes`
  std::map<std::string, std::string> settings;  // of the server, without which another one cannot have its data
  std::vector<std::string> plugins;             // NAME=LIBRARY of those that it has loaded
};

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string write_hello(const CopyMeans& means);
/// Errors: another version, in words for the other side.
Result<CopyMeans> read_hello(const std::string& text);
std::string write_head(const CopyHead& head);
Result<CopyHead> read_copy_head(const std::string& text);

filesync::ChannelOptions channel_options(const std::vector<filesync::SharedKey>& keys,
                                         const std::atomic<bool>* is_cancelled);

}  // namespace clusteragent::mysql
