#include "agent/wire/report.hpp"

#include <algorithm>

namespace clusteragent::wire {

std::optional<std::vector<ReportFrame>> split_report(std::uint32_t number, std::string_view text) {
  if (text.empty() || text.size() > report_bytes_max) return std::nullopt;
  const std::size_t count = (text.size() + report_piece_bytes - 1) / report_piece_bytes;
  std::vector<ReportFrame> pieces;
  pieces.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    pieces.push_back({number, static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(count),
                      std::string{text.substr(index * report_piece_bytes, report_piece_bytes)}});
  }
  return pieces;
}

std::optional<std::string> ReportAssembler::add(Incarnation sender, const ReportFrame& piece) {
  if (sender != sender_) {
    sender_ = sender;
    number_ = 0;
  }
  if (piece.report < number_ || (piece.report == number_ && is_done_)) return std::nullopt;
  if (piece.report > number_) {
    number_ = piece.report;
    is_done_ = false;
    pieces_.assign(piece.count, std::string{});
  }
  // The decoder vouches for index < count <= pieces_max; only a sender in disorder changes the count of a report.
  if (piece.count != pieces_.size()) return std::nullopt;
  pieces_[piece.index] = piece.text;
  if (std::any_of(pieces_.begin(), pieces_.end(), [](const auto& part) { return part.empty(); })) return std::nullopt;
  std::string whole;
  for (const std::string& part : pieces_) whole += part;
  pieces_.clear();
  is_done_ = true;
  return whole;
}

}  // namespace clusteragent::wire
