#pragma once
// How many descriptors this process may have (RLIMIT_NOFILE), what of that is kept for files that nobody has open, and
// what the operator is told when it was not enough. Threads: any.
#include <cstddef>
#include <string>

namespace clusteragent::filesync {

/// As many as the system gives this process. Each file that an application has open needs one.
void raise_descriptor_limit();
/// For a DescriptorCache: a part of the limit that leaves the applications theirs.
std::size_t cached_descriptors_max();
/// What errno means; where descriptors ran out, also what the limit is and where it is raised.
std::string error_text(int error);

}  // namespace clusteragent::filesync
