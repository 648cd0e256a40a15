#include "agent/wire/report.hpp"

namespace clusteragent::wire {

std::optional<std::vector<ReportFrame>> split_report(std::uint32_t number, const std::string& text) {
  if (text.empty() || text.size() > report_bytes_max) return std::nullopt;
  const std::size_t count = (text.size() + report_piece_bytes - 1) / report_piece_bytes;
  std::vector<ReportFrame> pieces;
  for (std::size_t index = 0; index < count; ++index) {
    pieces.push_back({number, static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(count),
                      text.substr(index * report_piece_bytes, report_piece_bytes)});
  }
  return pieces;
}

std::optional<std::string> ReportAssembler::add(const ReportFrame& piece) {
  constexpr std::size_t pieces_max = report_bytes_max / report_piece_bytes + 1;
  if (piece.count > pieces_max) return std::nullopt;
  if (piece.report != number_ || pieces_.size() != piece.count) {
    number_ = piece.report;
    pieces_.assign(piece.count, std::nullopt);
  }
  pieces_[piece.index] = piece.text;
  std::string whole;
  for (const auto& part : pieces_) {
    if (!part) return std::nullopt;
    whole += *part;
  }
  pieces_.clear();
  return whole;
}

}  // namespace clusteragent::wire
