#include "agent/data/filesync/salvage/salvage_sets.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/data/filesync/store/backing.hpp"
#include "agent/data/filesync/store/kept_file.hpp"

namespace clusteragent::filesync {
namespace {

using Json = nlohmann::json;

std::uint64_t bytes_on_disk(const std::string& folder) {
  const platform::Fd node{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  std::vector<std::string> names;
  if (!node || backing::names_in(node.number(), names) != 0) return 0;
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    struct stat of {};
    if (::fstatat(node.number(), name.c_str(), &of, AT_SYMLINK_NOFOLLOW) == 0)
      bytes += static_cast<std::uint64_t>(of.st_blocks) * 512;
  }
  return bytes;
}

bool is_locked(const std::string& path) {
  const platform::Fd node{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return node && ::flock(node.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::optional<SalvageSet> read_set(const std::string& folder, const std::string& name) {
  const auto text = kept_file(folder + "/" + name, salvage_about_name);
  if (!text) return std::nullopt;
  const Json about = Json::parse(*text, nullptr, false);
  if (!about.is_object()) return std::nullopt;
  SalvageSet set;
  set.name = name;
  set.state = about.value("state", "");
  set.why = about.value("why", "");
  set.problem = about.value("problem", "");
  for (const Json& each : about.value("directories", Json::array())) {
    if (each.is_string()) set.directories.push_back(unescaped(each.get<std::string>()).value_or(""));
  }
  set.files = about.value("files", std::uint64_t{0});
  set.begun_s = about.value("begun_s", std::int64_t{0});
  if (set.state == "writing" && !is_locked(folder + "/" + name)) set.state = "interrupted";
  set.bytes = bytes_on_disk(folder + "/" + name + "/" + salvage_data_name);
  return set;
}

std::optional<SalvagedFile> read_file(const Json& line) {
  const auto path = unescaped(line.at("path").get<std::string>());
  if (!path || !is_inner_path(*path)) return std::nullopt;
  SalvagedFile file;
  file.path = *path;
  file.mode = line.at("mode");
  file.owner = line.at("owner");
  file.group = line.at("group");
  file.device = line.value("device", std::uint64_t{0});
  file.size = line.at("size");
  file.modified_ns = line.at("modified_ns");
  file.target = unescaped(line.value("target", "")).value_or("");
  const Json xattrs = line.value("xattrs", Json::object());
  for (const auto& [name, value] : xattrs.items()) {
    const auto key = unescaped(name);
    const auto content = unescaped(value.get<std::string>());
    if (key && content) file.xattrs.emplace(*key, *content);
  }
  file.data = line.value("data", std::uint64_t{0});
  file.is_whole = line.value("whole", false);
  file.is_lost = line.value("lost", false);
  return file;
}

}  // namespace

std::string escaped(const std::string& bytes) {
  std::string text;
  for (const char each : bytes) {
    const auto code = static_cast<unsigned char>(each);
    if (code > 0x20 && code < 0x7f && each != '%' && each != '"' && each != '\\')
      text += each;
    else
      text += fmt::format("%{:02X}", code);
  }
  return text;
}

std::optional<std::string> unescaped(const std::string& text) {
  const auto digit = [](char each) {
    return each >= '0' && each <= '9' ? each - '0' : each >= 'A' && each <= 'F' ? each - 'A' + 10 : -1;
  };
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      bytes += text[at];
      continue;
    }
    const int high = at + 1 < text.size() ? digit(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? digit(text[at + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return bytes;
}

bool is_inner_path(const std::string& path) {
  if (path.empty()) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (!is_file_name(path.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

std::string salvage_prefix(const std::string& directory, std::size_t directories) {
  const std::size_t begin = directory.find_first_not_of('/');
  return directories <= 1 || begin == std::string::npos ? std::string{} : directory.substr(begin) + "/";
}

std::vector<SalvageSet> salvage_sets(const std::string& folder) {
  std::vector<SalvageSet> sets;
  const platform::Fd node{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  std::vector<std::string> names;
  if (!node || backing::names_in(node.number(), names) != 0) return sets;
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (auto set = read_set(folder, name)) sets.push_back(std::move(*set));
  }
  return sets;
}

Result<std::vector<SalvagedFile>> salvaged_files(const std::string& set) {
  std::ifstream index{set + "/" + salvage_index_name};
  if (!index) {
    return Error{ErrorCode::system,
                 fmt::format("cannot read {}/{}: {}", set, salvage_index_name, std::strerror(errno))};
  }
  std::vector<SalvagedFile> files;
  std::map<std::uint64_t, std::size_t> places;
  std::string text;
  while (std::getline(index, text)) {
    // The last line of a set that was interrupted may be torn.
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object()) continue;
    try {
      if (!line.contains("path")) {
        const auto place = places.find(line.at("data"));
        if (place == places.end()) continue;
        SalvagedFile& file = files[place->second];
        if (line.value("lost", false)) file.is_lost = true;
        if (line.contains("offset")) file.ranges.push_back({line.at("offset"), line.at("bytes")});
      } else if (auto file = read_file(line)) {
        if (file->data != 0) places.emplace(file->data, files.size());
        files.push_back(std::move(*file));
      }
    } catch (const Json::exception&) {
      return Error{ErrorCode::corrupt, fmt::format("{}/{} holds a line that is not of an index: {}", set,
                                                   salvage_index_name, text.substr(0, 80))};
    }
  }
  return files;
}

Status drop_salvage_set(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  const platform::Fd parent{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!parent || !is_file_name(name) || !kept_file(path, salvage_about_name))
    return Error{ErrorCode::usage, fmt::format("there is no set of salvaged data \"{}\" in {}", name, folder)};
  if (is_locked(path)) {
    return Error{ErrorCode::refused,
                 fmt::format("{} is being written: wait until the copy from the other node has ended", name)};
  }
  if (const int error = backing::remove_tree(parent.number(), name); error != 0)
    return Error{ErrorCode::system, fmt::format("cannot remove {}: {}", path, std::strerror(error))};
  return success();
}

}  // namespace clusteragent::filesync
