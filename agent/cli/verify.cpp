#include "agent/cli/verify.hpp"

#include <fmt/format.h>

#include <thread>

#include "agent/control/render_parts.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::cli {
namespace {

using control::Json;

constexpr auto look_again = std::chrono::milliseconds{500};
// An agent that is restarted under us, by an upgrade, is back by then.
constexpr auto absence_max = std::chrono::seconds{5};

const Json& verification_of(const Json& status) {
  return control::part(control::part(status, "replication"), "verify");
}

std::int64_t beginning_of(const Json& verification) {
  return control::number(verification, "started_ms").value_or(0);
}

int conclude(const Json& verification) {
  fmt::print("{}\n", control::verify_cell(verification).text);
  for (const Json& each : control::part(verification, "first")) {
    const auto offset = control::number(each, "offset");
    fmt::print("  {}: {}{}\n", control::text(each, "path"), control::text(each, "what"),
               offset ? fmt::format(", {} bytes at {}", control::number(each, "bytes").value_or(0), *offset) : "");
  }
  if (control::text(verification, "state") != "done") return exit_failure;
  const auto left =
      control::number(verification, "differences").value_or(0) - control::number(verification, "repaired").value_or(0);
  return left > 0 ? exit_differs : exit_success;
}

/// Until one that began after `former` has ended.
int wait(const Context& context, const std::string& module, std::int64_t former) {
  Instant heard = platform::boottime_now();
  Instant seen = heard;
  std::string shown;
  for (;;) {
    const auto status = ask_status(context, module);
    const Instant now = platform::boottime_now();
    if (!status && (status.error().code != ErrorCode::unreachable || now - heard > absence_max))
      return fail(status.error());
    if (status) {
      heard = now;
      const Json& verification = verification_of(*status);
      const std::string state = control::text(verification, "state");
      const bool is_ours = beginning_of(verification) > former;
      if (is_ours) seen = now;
      if (now - seen > absence_max)
        return fail(
            {ErrorCode::system, "the verification is gone: the replication engine was started again; see the log"});
      if (is_ours && state != "running") return conclude(verification);
      const std::string line = is_ours ? control::verify_cell(verification).text : std::string{};
      if (!line.empty() && line != shown && is_terminal(stdout)) fmt::print("  {}\n", line);
      std::fflush(stdout);
      shown = line;
    }
    std::this_thread::sleep_for(look_again);
  }
}

}  // namespace

int verify(const Context& context, const VerifyWishes& wishes) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  std::int64_t former = 0;
  if (wishes.waits) {
    const auto status = ask_status(context, *module);
    if (!status) return fail(status.error());
    former = beginning_of(verification_of(*status));
  }
  const auto answer =
      ask(context, *module, {{"request", "verify"}, {"repair", wishes.repairs}, {"asked_by", caller_name()}});
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", control::text(*answer, "message"));
  std::fflush(stdout);
  return wishes.waits ? wait(context, *module, former) : exit_success;
}

}  // namespace clusteragent::cli
