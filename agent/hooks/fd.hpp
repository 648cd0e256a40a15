#pragma once
// Under this name the files of this folder know the owner of a descriptor.
#include "agent/platform/fd.hpp"

namespace clusteragent::hooks {
using platform::Fd;
}  // namespace clusteragent::hooks
