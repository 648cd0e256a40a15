#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/hooks/userlog.hpp"

namespace clusteragent::hooks {
namespace {

constexpr std::string_view prefix = "userlog_";
constexpr std::string_view suffix = ".ulog";

}  // namespace

std::string userlog_name(const std::tm& local, unsigned milliseconds, std::string_view script) {
  return fmt::format("{}{:%Y-%m-%dT%H%M%S}.{:03}_{}{}", prefix, local, milliseconds, script, suffix);
}

std::string_view userlog_script(std::string_view file_name) {
  if (!file_name.starts_with(prefix) || !file_name.ends_with(suffix)) return {};
  file_name.remove_prefix(prefix.size());
  const auto stamp_end = file_name.find('_');
  if (stamp_end == std::string_view::npos || stamp_end + 1 + suffix.size() >= file_name.size()) return {};
  file_name.remove_prefix(stamp_end + 1);
  return file_name.substr(0, file_name.size() - suffix.size());
}

std::vector<std::string> surplus_userlogs(std::vector<std::string> file_names, std::size_t files_max) {
  std::erase_if(file_names, [](const std::string& name) { return userlog_script(name).empty(); });
  if (file_names.size() <= files_max) return {};
  std::sort(file_names.begin(), file_names.end());
  std::set<std::string_view> newest_seen;
  std::vector<bool> is_newest(file_names.size());
  for (std::size_t i = file_names.size(); i-- > 0;)
    is_newest[i] = newest_seen.insert(userlog_script(file_names[i])).second;
  std::vector<std::string> surplus;
  const std::size_t excess = file_names.size() - files_max;
  for (std::size_t i = 0; i < file_names.size() && surplus.size() < excess; ++i) {
    if (!is_newest[i]) surplus.push_back(file_names[i]);
  }
  return surplus;
}

}  // namespace clusteragent::hooks
