#pragma once
// Sets of salvaged data as they lie on disk: <folder>/<when>/about.json, index (a JSON object a line) and
// data/<number>. Written by Salvage, read by the engine for the status and by the command line, also when no agent
// runs.
//
// Names of files are any bytes: they stand in the index with everything but plain ASCII, and '%', as %XX. Threads: any.
// Errors: what cannot be read is left out and counts nothing.
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

inline constexpr const char* salvage_about_name = "about.json";
inline constexpr const char* salvage_index_name = "index";
inline constexpr const char* salvage_data_name = "data";

struct SalvageSet {
  std::string name;                      // when it was begun, in UTC
  std::string state;                     // writing, complete, interrupted, incomplete
  std::string why;                       // it was made
  std::string problem;                   // why something is not in it
  std::vector<std::string> directories;  // the replicated ones
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::int64_t begun_s = 0;  // wall clock
};

struct SalvagedRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct SalvagedFile {
  std::string path;  // relative, as it is on disk, behind salvage_prefix()
  mode_t mode = 0;   // with its type
  uid_t owner = 0;
  gid_t group = 0;
  std::uint64_t device = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::string target;  // of a symbolic link
  std::map<std::string, std::string> xattrs;
  std::uint64_t data = 0;  // number of its data; 0: none
  bool is_whole = false;   // the data is the whole file; otherwise the ranges are of it
  bool is_lost = false;    // its content could not be kept, or not all of it
  std::vector<SalvagedRange> ranges;
};

/// What stands before the paths of a replicated directory in a set: nothing where there is one, otherwise where it is,
/// without the slash at the beginning.
std::string salvage_prefix(const std::string& directory, std::size_t directories);

/// Oldest first.
std::vector<SalvageSet> salvage_sets(const std::string& folder);
/// With the paths in the order in which they were saved.
Result<std::vector<SalvagedFile>> salvaged_files(const std::string& set);
/// Refused while it is being written.
Status drop_salvage_set(const std::string& folder, const std::string& name);

std::string escaped(const std::string& bytes);
std::optional<std::string> unescaped(const std::string& text);
/// Leads to something inside a directory, whatever a damaged index says: no empty part, ".", ".." or zero.
bool is_inner_path(const std::string& path);

}  // namespace clusteragent::filesync
