#pragma once
// Status reports: a text larger than a frame, in pieces. Loss of a piece on every path loses the report; the next one
// follows within a second. Pure; values.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/wire/frame.hpp"

namespace clusteragent::wire {

constexpr std::size_t report_bytes_max = 16 * 1024;
static_assert(pieces_max * report_piece_bytes >= report_bytes_max);

/// nullopt: empty, or too long to be sent. Numbers grow within a life of the sender and start at 1.
std::optional<std::vector<ReportFrame>> split_report(std::uint32_t number, std::string_view text);

/// Puts reports of the peer together from the pieces of all paths. Holds one report at most: a newer one replaces it.
class ReportAssembler {
 public:
  /// The whole text when its last missing piece comes; each report once.
  std::optional<std::string> add(Incarnation sender, const ReportFrame& piece);

 private:
  Incarnation sender_{};
  std::uint32_t number_ = 0;
  bool is_done_ = false;
  std::vector<std::string> pieces_;  // empty: missing
};

}  // namespace clusteragent::wire
