#include "agent/hooks/tail.hpp"

#include <deque>

namespace clusteragent::hooks {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// Length of the UTF-8 sequence that begins here; 0: none does. Overlong forms and surrogates are refused (RFC 3629).
std::size_t sequence_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = 0;
  if (first >= 0xC2U && first <= 0xDFU) length = 2;
  if (first >= 0xE0U && first <= 0xEFU) length = 3;
  if (first >= 0xF0U && first <= 0xF4U) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  if ((first == 0xE0U && second < 0xA0U) || (first == 0xEDU && second > 0x9FU)) return 0;
  if ((first == 0xF0U && second < 0x90U) || (first == 0xF4U && second > 0x8FU)) return 0;
  return length;
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    std::size_t taken = 1;
    if (byte >= 0x80U && sequence_length(text) > 0) {
      taken = sequence_length(text);
      result += text.substr(0, taken);
    } else {
      result += byte >= 0x20U && byte < 0x7FU ? text[0] : (text[0] == '\t' ? ' ' : '?');
    }
    text.remove_prefix(taken);
  }
  return result;
}

std::string last_lines(std::string_view output, bool starts_inside) {
  if (const auto line_end = output.find('\n'); starts_inside && line_end != std::string_view::npos) {
    output.remove_prefix(line_end + 1);
  }
  std::deque<std::string> lines;
  std::size_t bytes = 0;
  while (!output.empty() && lines.size() < tail_lines_max && bytes < tail_bytes_max) {
    const auto line_start = output.find_last_of('\n');
    const bool is_first = line_start == std::string_view::npos;
    std::string_view line = trimmed(is_first ? output : output.substr(line_start + 1));
    output = is_first ? std::string_view{} : output.substr(0, line_start);
    if (line.empty()) continue;
    const std::size_t room = tail_bytes_max - bytes;
    if (line.size() > room) {
      if (!lines.empty()) break;
      line = line.substr(line.size() - room);
      while (!line.empty() && is_continuation(line[0])) line.remove_prefix(1);
    }
    bytes += line.size();
    lines.push_front(printable(line));
  }
  std::string joined;
  for (const std::string& line : lines) {
    if (!joined.empty()) joined += " | ";
    joined += line;
  }
  return joined;
}

}  // namespace clusteragent::hooks
