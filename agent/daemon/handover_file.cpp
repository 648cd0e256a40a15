#include "agent/daemon/handover_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <vector>

#include "agent/fence/guard_link.hpp"
#include "agent/witness/promise_file.hpp"
#include "agent/witness/sealed_text.hpp"

namespace clusteragent::daemon {
namespace {

constexpr std::string_view heading = "clusteragent-handover 1";
const std::vector<std::string> keys{"boot",    "phase",       "epoch",    "groups",
                                    "has_vip", "has_service", "until_ns", "addresses"};

unsigned bits_of(const core::GroupSet& groups) {
  return (groups.both ? 1U : 0U) | (groups.prim ? 2U : 0U) | (groups.second ? 4U : 0U) | (groups.sec ? 8U : 0U);
}

core::GroupSet groups_of(unsigned bits) {
  return {.both = (bits & 1U) != 0, .prim = (bits & 2U) != 0, .second = (bits & 4U) != 0, .sec = (bits & 8U) != 0};
}

std::string taken(const std::string& path) {
  return path + fence::handover_taken_suffix;
}

Result<LeftBehind> read(const std::string& text, Instant now) {
  const auto refused = [](std::string why) { return Error{ErrorCode::corrupt, std::move(why)}; };
  const auto boot = witness::machine_boot_id();
  if (!boot) return boot.error();
  const auto values = witness::unseal(heading, keys, text);
  if (!values) return values.error();
  if ((*values)[0] != *boot) return refused("it is of another boot of this machine");
  unsigned phase = 0;
  std::uint64_t epoch = 0;
  unsigned groups = 0;
  unsigned has_vip = 0;
  unsigned has_service = 0;
  std::int64_t until = 0;
  const bool is_read = witness::read_number((*values)[1], phase) && witness::read_number((*values)[2], epoch) &&
                       witness::read_number((*values)[3], groups) && witness::read_number((*values)[4], has_vip) &&
                       witness::read_number((*values)[5], has_service) && witness::read_number((*values)[6], until);
  if (!is_read || phase >= core::phase_count || groups > 15) return refused("a value is impossible");
  LeftBehind left;
  left.handover = {core::all_phases[phase],         Epoch{epoch}, groups_of(groups), has_vip != 0, has_service != 0,
                   Instant::from_nanoseconds(until)};
  left.addresses = (*values)[7];
  if (now >= left.handover.until) {
    return refused(fmt::format("it is {} ms too late", to_milliseconds(now - left.handover.until)));
  }
  return left;
}

}  // namespace

Status leave_handover(const std::string& path, const LeftBehind& left) {
  const auto boot = witness::machine_boot_id();
  if (!boot) return boot.error();
  const core::Handover& handover = left.handover;
  const auto replaced =
      witness::replace_file(path,
                            witness::seal(heading, {{keys[0], *boot},
                                                    {keys[1], fmt::to_string(static_cast<unsigned>(handover.phase))},
                                                    {keys[2], fmt::to_string(handover.epoch.value())},
                                                    {keys[3], fmt::to_string(bits_of(handover.running))},
                                                    {keys[4], handover.holds_vip ? "1" : "0"},
                                                    {keys[5], handover.runs_service ? "1" : "0"},
                                                    {keys[6], fmt::to_string(handover.until.nanoseconds())},
                                                    {keys[7], left.addresses}}),
                            false);
  if (replaced.outcome != witness::Replaced::done) return Error{ErrorCode::system, replaced.problem};
  return success();
}

Result<std::optional<LeftBehind>> take_handover(const std::string& path, Instant now) {
  if (std::rename(path.c_str(), taken(path).c_str()) != 0) {
    // A life that took it and died on the way: its guard, or the first one, cleans up.
    if (::access(taken(path).c_str(), F_OK) != 0) return std::optional<LeftBehind>{};
    return Error{ErrorCode::corrupt, "another life of this agent took it and did not live"};
  }
  const auto text = witness::read_small_file(taken(path));
  if (!text) return text.error();
  if (!*text) return Error{ErrorCode::corrupt, "the guard has acted already"};
  auto left = read(**text, now);
  if (!left) return left.error();
  return std::optional{*left};
}

bool finish_handover(const std::string& path) {
  return ::unlink(taken(path).c_str()) == 0;
}

void discard_handover(const std::string& path) {
  ::unlink(path.c_str());
  ::unlink(taken(path).c_str());
}

}  // namespace clusteragent::daemon
