#include "agent/cli/wait_goal.hpp"

namespace clusteragent::cli {
namespace {

bool is_primary(const std::string& state) {
  return state == "ALONE" || state == "PRIM";
}

// A secondary only asks: it stays what it is until the primary has stopped. A primary has let go when it is secondary.
Progress progress_of_swap(const std::string& before, const std::string& state) {
  if (before == "SECOND") return is_primary(state) ? Progress::reached : Progress::under_way;
  return state == "SECOND" ? Progress::reached : Progress::missed;
}

}  // namespace

Progress progress_of(core::Verb verb, const std::string& before, const std::string& state,
                     const std::string& activity) {
  if (activity == "Transient") return Progress::under_way;
  if (verb == core::Verb::stop) return state == "STOP" ? Progress::reached : Progress::under_way;
  if (activity != "Ready") return Progress::missed;  // STOP, or blocked in WAIT
  switch (verb) {
    case core::Verb::swap:
      return progress_of_swap(before, state);
    case core::Verb::prim:
      return is_primary(state) ? Progress::reached : Progress::under_way;
    case core::Verb::second:
      return state == "SECOND" ? Progress::reached : Progress::missed;
    default:
      return Progress::reached;
  }
}

}  // namespace clusteragent::cli
