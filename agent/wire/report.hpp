#pragma once
// Status reports: a text larger than a frame, in pieces. Loss of a piece loses the report; the next one follows within
// a second. Pure; values.
#include <optional>
#include <string>
#include <vector>

#include "agent/wire/frame.hpp"

namespace clusteragent::wire {

constexpr std::size_t report_piece_bytes = 1200;
constexpr std::size_t report_bytes_max = 16 * 1024;

/// nullopt: too long to be sent.
std::optional<std::vector<ReportFrame>> split_report(std::uint32_t number, const std::string& text);

class ReportAssembler {
 public:
  /// The whole text when its last missing piece comes.
  std::optional<std::string> add(const ReportFrame& piece);

 private:
  std::uint32_t number_ = 0;
  std::vector<std::optional<std::string>> pieces_;
};

}  // namespace clusteragent::wire
