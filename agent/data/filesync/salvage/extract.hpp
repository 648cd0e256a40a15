#pragma once
// Takes files out of a set of salvaged data, whole, as they were. A file of which blocks were kept gets them laid over
// a copy of what its replicated directory has under its name now: where the application has changed other blocks of it
// since, the result is a mixture, and it is counted as such.
//
// Nothing is written outside of the target, whatever the set says, and nothing inside a replicated directory.
// Where there are several, the files of each come out below its own path.
// Threads: one a target. Errors: the first that stops it; text for the operator.
#include <string>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

struct ExtractWish {
  std::string set;                       // folder of the set
  std::vector<std::string> directories;  // the replicated ones
  std::string target;                    // made where it does not exist
  std::string path;                      // one file, or a folder with what was in it; empty: all
  bool replaces = false;                 // what the target has under these names; otherwise the target is to be empty
};

struct Extracted {
  std::uint64_t files = 0;
  std::vector<std::string> laid_over;  // blocks over the present file
  std::vector<std::string> lost;       // not, or not wholly in the set
};

Result<Extracted> extract_salvage(const ExtractWish& wish);

}  // namespace clusteragent::filesync
