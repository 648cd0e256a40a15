#include "agent/core/explain.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "agent/core/transition_table.hpp"

namespace clusteragent::core {
namespace {

struct Shown {
  Phase phase;
  std::string_view state;
  std::string_view activity;
  std::string_view meaning;
};

constexpr Shown shown[] = {
    {Phase::stopped, "STOP", "NotReady", "the module does not run here"},
    {Phase::prestarting, "WAIT", "Transient", "prestart clears what a former life left running"},
    {Phase::electing, "WAIT", "Transient", "listening: is there a primary?"},
    {Phase::blocked, "WAIT", "NotReady", "may not become primary and there is none to follow"},
    {Phase::taking_over, "ALONE", "Transient", "writing the epoch, setting the virtual IP, starting the application"},
    {Phase::alone, "ALONE", "Ready", "primary without a secondary"},
    {Phase::prim, "PRIM", "Ready", "primary with a secondary"},
    {Phase::restarting, "ALONE/PRIM", "Transient", "restarting the application in place"},
    {Phase::leaving_primary, "ALONE/PRIM", "Transient", "stopping the application, releasing the virtual IP"},
    {Phase::joining, "SECOND", "Transient", "starting as secondary"},
    {Phase::second, "SECOND", "Ready", "secondary, can take over"},
    {Phase::leaving_second, "SECOND", "Transient", "stopping the secondary's scripts"},
    {Phase::stopping, "WAIT", "Transient", "last stop scripts, poststop"},
};

std::string label_of(const TransitionRow& row) {
  std::string label{name_of(row.on)};
  if (row.on == Trigger::facts)
    label = std::string{row.guard_text};
  else if (!row.guard_text.empty())
    label += ", " + std::string{row.guard_text};
  std::replace(label.begin(), label.end(), ':', ' ');
  return label;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

/// Rows that can change something or refuse, and are not hidden behind an unconditional one.
bool is_shown(Phase phase, const TransitionRow& row) {
  if (!row.from.contains(phase) || (!row.to && row.answer != Answer::refuse)) return false;
  for (const TransitionRow& earlier : transition_table()) {
    if (&earlier == &row) return true;
    if (earlier.on == row.on && earlier.from.contains(phase) && earlier.guard == nullptr) return false;
  }
  return true;
}

}  // namespace

std::string states_page() {
  std::string page =
      "# States\n\nMade from the transition table in `agent/core/transition_table.cpp`; do not edit by hand "
      "(`clusteragent explain --page` prints it).\n\n"
      "| phase | state | activity | meaning |\n|---|---|---|---|\n";
  for (const Shown& entry : shown) {
    page += "| " + std::string{name_of(entry.phase)} + " | " + std::string{entry.state} + " | " +
            std::string{entry.activity} + " | " + std::string{entry.meaning} + " |\n";
  }
  page += "\n```mermaid\nstateDiagram-v2\n  [*] --> stopped\n";
  for (const TransitionRow& row : transition_table()) {
    if (!row.to) continue;
    for (const Phase from : all_phases) {
      if (!is_shown(from, row) || from == *row.to) continue;
      page +=
          "  " + std::string{name_of(from)} + " --> " + std::string{name_of(*row.to)} + " : " + label_of(row) + "\n";
    }
  }
  page +=
      "```\n\n## Every row\n\nFirst match wins. `{peer}`, `{why}` and the like are filled in when it happens.\n\n"
      "| row | in | on | when | goes to | answer | what the operator reads |\n|---|---|---|---|---|---|---|\n";
  for (const TransitionRow& row : transition_table()) {
    std::string from;
    for (const Phase phase : all_phases) {
      if (row.from.contains(phase)) from += (from.empty() ? "" : ", ") + std::string{name_of(phase)};
    }
    const std::string_view answer = row.answer == Answer::accept   ? "accepted"
                                    : row.answer == Answer::refuse ? "refused"
                                                                   : "";
    page += "| " + std::string{row.name} + " | " + from + " | " + std::string{name_of(row.on)} + " | " +
            std::string{row.guard_text} + " | " + (row.to ? std::string{name_of(*row.to)} : "stays") + " | " +
            std::string{answer} + " | " + std::string{row.reason} + " |\n";
  }
  return page;
}

std::optional<std::string> explain_state(const std::string& state) {
  const std::string wanted = upper(state);
  std::string text;
  for (const Shown& entry : shown) {
    const std::string names = std::string{entry.state};
    if (names != wanted && names.find(wanted) == std::string::npos) continue;
    text += std::string{entry.state} + " " + std::string{entry.activity} + " (" + std::string{name_of(entry.phase)} +
            "): " + std::string{entry.meaning} + "\n";
    for (const TransitionRow& row : transition_table()) {
      if (!is_shown(entry.phase, row)) continue;
      text += "  on " + label_of(row) + " -> " + (row.to ? std::string{name_of(*row.to)} : "refused") + ": " +
              std::string{row.reason} + "\n";
    }
  }
  if (text.empty() || wanted.empty()) return std::nullopt;
  return text;
}

}  // namespace clusteragent::core
