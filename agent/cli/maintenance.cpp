// `clusteragent maintenance on|off`: for a bounded time nothing moves by itself.
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "agent/cli/verbs.hpp"
#include "agent/control/render_parts.hpp"
#include "agent/core/names.hpp"

namespace clusteragent::cli {
namespace {

constexpr std::uint64_t seconds_max = 86'400;
constexpr const char* lasts_default = "30m";

/// "90s", "30m", "2h"; nullopt: none of these, or out of bounds.
std::optional<std::uint64_t> seconds_of(const std::string& text) {
  std::uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  if (failure != std::errc{} || end == last || end + 1 != last || number > seconds_max) return std::nullopt;
  const std::uint64_t unit = *end == 's' ? 1U : *end == 'm' ? 60U : *end == 'h' ? 3600U : 0U;
  const std::uint64_t seconds = number * unit;
  if (seconds == 0 || seconds > seconds_max) return std::nullopt;
  return seconds;
}

int say(const Context& context, core::Verb verb, const std::string& lasts) {
  const auto module = find_module(context);
  if (!module) return fail(module.error());
  control::Json message{{"request", "operate"}, {"verb", core::name_of(verb)}, {"asked_by", caller_name()}};
  if (verb == core::Verb::maintenance_on) message["lasts_s"] = *seconds_of(lasts);
  const auto answer = ask(context, *module, std::move(message));
  if (!answer) return fail(answer.error());
  fmt::print("{}\n", control::text(*answer, "message"));
  return exit_success;
}

}  // namespace

void add_maintenance(const Program& program) {
  auto* verb = program.app.add_subcommand("maintenance", "For a bounded time nothing moves by itself, on both nodes");
  verb->require_subcommand(1);
  auto* on = verb->add_subcommand("on", "Begin it, or say anew how long it lasts");
  auto lasts = std::make_shared<std::string>(lasts_default);
  on->add_option("--for", *lasts, "How long: seconds, minutes or hours, as 90s, 30m or 2h; at most 24h")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return seconds_of(text) ? std::string{} : text + " is no time of 1s to 24h, such as 90s, 30m or 2h";
      });
  on->callback([program, lasts] { program.exit_code = say(program.context, core::Verb::maintenance_on, *lasts); });
  auto* off = verb->add_subcommand("off", "End it before its time");
  off->callback([program] { program.exit_code = say(program.context, core::Verb::maintenance_off, {}); });
}

}  // namespace clusteragent::cli
