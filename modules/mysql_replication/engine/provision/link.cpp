#include "modules/mysql_replication/engine/provision/link.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {

using Json = nlohmann::json;

std::string write_hello(const CopyMeans& means) {
  return Json{{"version", link_version}, {"backup", means.has_backup_tool}, {"dump", means.has_loader}}.dump();
}

Result<CopyMeans> read_hello(const std::string& text) {
  const Json said = Json::parse(text, nullptr, false);
  const bool is_same = said.is_object() && said.value("version", 0U) == link_version;
  // An engine from before there was a choice knows the backup.
  if (is_same) return CopyMeans{said.value("backup", true), said.value("dump", false), false};
  return Error{ErrorCode::refused,
               "the two nodes have different versions of clusteragent-mysql; upgrade the older one"};
}

std::string write_head(const CopyHead& head) {
  return Json{{"bytes", head.bytes},           {"version", head.version},
              {"log_state", head.log_state},   {"method", text_of(head.method)},
              {"bytes_sent", head.bytes_sent}, {"settings", head.settings},
              {"plugins", head.plugins}}
      .dump();
}

Result<CopyHead> read_copy_head(const std::string& text) {
  const Json said = Json::parse(text, nullptr, false);
  if (!said.is_object() || !said.contains("bytes") || !said.contains("log_state"))
    return Error{ErrorCode::corrupt, "the primary's engine does not say what it sends"};
  const auto method = copy_method_of(said.value("method", text_of(CopyMethod::backup)));
  if (!method)
    return Error{ErrorCode::refused, "the primary's engine sends a copy of a kind that this one does not know"};
  return CopyHead{said.value("bytes", std::uint64_t{0}),
                  said.value("version", ""),
                  said.value("log_state", ""),
                  *method,
                  said.value("bytes_sent", std::uint64_t{0}),
                  said.value("settings", std::map<std::string, std::string>{}),
                  said.value("plugins", std::vector<std::string>{})};
}

filesync::ChannelOptions channel_options(const std::vector<filesync::SharedKey>& keys,
                                         const std::atomic<bool>* is_cancelled) {
  filesync::ChannelOptions options;
  options.keys = keys;
  options.silence_limit = link_silence;
  options.send_limit = link_send_limit;
  options.is_cancelled = is_cancelled;
  return options;
}

}  // namespace clusteragent::mysql
