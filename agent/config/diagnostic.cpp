#include "agent/config/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace clusteragent::config {
namespace {

/// No name of the language is longer; a longer word is not a slip of one.
constexpr std::size_t name_bytes_max = 40;

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Edit distance with neighbouring letters swapped counted as one slip ("optimal string alignment").
std::size_t slips_between(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, name_bytes_max + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool is_same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (is_same ? 0U : 1U)});
      const bool is_swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (is_swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string Diagnostic::format() const {
  std::string text =
      fmt::format("{}:{}:{}: {}: {}", file, line, column, severity == Severity::error ? "error" : "warning", message);
  if (!allowed.empty()) text += fmt::format("; allowed: {}", allowed);
  if (!nearest.empty()) text += fmt::format("; did you mean \"{}\"?", nearest);
  return text;
}

void Diagnostics::error(Position at, std::string message, Detail detail) {
  has_errors_ = true;
  add(Severity::error, at, std::move(message), std::move(detail));
}

void Diagnostics::warning(Position at, std::string message, Detail detail) {
  add(Severity::warning, at, std::move(message), std::move(detail));
}

void Diagnostics::add(Severity severity, Position at, std::string message, Detail detail) {
  if (list_.size() >= diagnostics_max) {
    ++dropped_;
    return;
  }
  list_.push_back({severity, file_, at.line, at.column, std::move(message), std::move(detail.value),
                   std::move(detail.allowed), std::move(detail.nearest)});
}

std::vector<Diagnostic> Diagnostics::take() {
  std::stable_sort(list_.begin(), list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair{a.line, a.column} < std::pair{b.line, b.column};
  });
  if (dropped_ > 0) {
    const Diagnostic& end = list_.back();
    list_.push_back({has_errors_ ? Severity::error : Severity::warning,
                     file_,
                     end.line,
                     end.column,
                     fmt::format("{} more mistakes are not shown; correct these first", dropped_),
                     {},
                     {},
                     {}});
  }
  return std::exchange(list_, {});
}

std::string nearest_name(std::string_view wanted, const std::vector<std::string_view>& candidates) {
  if (wanted.empty() || wanted.size() > name_bytes_max) return {};
  std::string_view best;
  std::size_t best_slips = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.empty() || candidate.size() > name_bytes_max) continue;
    const std::size_t slips = slips_between(wanted, candidate);
    if (slips < best_slips) {
      best = candidate;
      best_slips = slips;
    }
  }
  return std::string{best};
}

}  // namespace clusteragent::config
