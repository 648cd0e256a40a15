#pragma once
// Columns of wrapped text for a terminal. Pure functions over values; any thread. Widths count characters (code points
// of UTF-8), not bytes; no text here is wider than one column a character.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clusteragent::control {

enum class Tint : std::uint8_t { none, red, magenta, green, bold };

struct Cell {
  std::string text;
  Tint tint = Tint::none;
};
using Row = std::vector<Cell>;

std::size_t display_width(std::string_view text);
/// At word borders, inside a word only where it is longer than the width; line ends in the text are kept.
std::vector<std::string> wrap(std::string_view text, std::size_t width);
std::string tinted(std::string_view text, Tint tint, bool has_colors);
/// Rows in columns of the given widths, two blanks apart; the last column is not padded.
std::string format_rows(const std::vector<Row>& rows, const std::vector<std::size_t>& widths, bool has_colors);

}  // namespace clusteragent::control
