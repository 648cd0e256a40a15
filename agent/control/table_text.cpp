#include "agent/control/table_text.hpp"

#include <algorithm>

namespace clusteragent::control {
namespace {

bool is_continuation(char letter) {
  return (static_cast<unsigned char>(letter) & 0xC0U) == 0x80U;
}

/// Bytes of the first `characters` characters.
std::size_t bytes_of(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (at < text.size() && (characters > 0 || is_continuation(text[at]))) {
    if (!is_continuation(text[at])) --characters;
    ++at;
  }
  return at;
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& out) {
  while (display_width(line) > width) {
    const std::size_t fits = bytes_of(line, width);
    // A blank right after the last character that fits is a border, too.
    std::size_t border = line.substr(0, fits + 1).rfind(' ');
    if (border == std::string_view::npos || border == 0) border = fits;
    out.emplace_back(line.substr(0, border));
    line.remove_prefix(border);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  }
  out.emplace_back(line);
}

std::string_view sequence_of(Tint tint) {
  switch (tint) {
    case Tint::none:
      return "";
    case Tint::red:
      return "\x1b[1;31m";
    case Tint::magenta:
      return "\x1b[1;35m";
    case Tint::green:
      return "\x1b[1;32m";
    case Tint::bold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char letter) { return !is_continuation(letter); }));
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    wrap_line(text.substr(begin, end - begin), std::max<std::size_t>(width, 1), lines);
    begin = end + 1;
  }
  return lines;
}

std::string tinted(std::string_view text, Tint tint, bool has_colors) {
  if (!has_colors || tint == Tint::none || text.empty()) return std::string{text};
  return std::string{sequence_of(tint)} + std::string{text} + "\x1b[0m";
}

std::string format_rows(const std::vector<Row>& rows, const std::vector<std::size_t>& widths, bool has_colors) {
  std::string out;
  for (const Row& row : rows) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t column = 0; column < row.size(); ++column) {
      cells.push_back(wrap(row[column].text, widths.at(column)));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::string text;
      std::size_t blanks = 0;  // written only before the next text, so that no line ends in blanks
      for (std::size_t column = 0; column < row.size(); ++column) {
        const std::string piece = line < cells[column].size() ? cells[column][line] : std::string{};
        if (!piece.empty()) text += std::string(blanks, ' ') + tinted(piece, row[column].tint, has_colors);
        blanks = (piece.empty() ? blanks : 0) + widths[column] + 2 - std::min(widths[column], display_width(piece));
      }
      out += text + "\n";
    }
  }
  return out;
}

}  // namespace clusteragent::control
