#include "modules/mysql_replication/engine/plan/step_times.hpp"

#include <fmt/format.h>

namespace clusteragent::mysql {
namespace {

double milliseconds(StepTimes::Span span) {
  return std::chrono::duration<double, std::milli>{span}.count();
}

}  // namespace

std::string StepTimes::text(Span all) const {
  std::string text = fmt::format("{:.1f} ms: ", milliseconds(all));
  Span rest = all;
  for (const auto& [what, took] : taken_) {
    text += fmt::format("{} {:.1f}, ", what, milliseconds(took));
    rest -= took;
  }
  return text + fmt::format("looking and waiting {:.1f}", milliseconds(rest));
}

}  // namespace clusteragent::mysql
