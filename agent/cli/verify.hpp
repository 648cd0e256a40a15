#pragma once
// Asks the primary's agent to compare both copies of the data, whatever mirrors them, and waits for the result.
#include "agent/cli/context.hpp"

namespace clusteragent::cli {

struct VerifyWishes {
  bool repairs = false;
  bool waits = false;
};

/// Exit code; messages are printed.
int verify(const Context& context, const VerifyWishes& wishes);

}  // namespace clusteragent::cli
