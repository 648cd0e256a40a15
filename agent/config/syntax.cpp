#include "agent/config/syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>
#include <vector>

#include "agent/config/value.hpp"

namespace clusteragent::config {
namespace {

constexpr std::size_t label_bytes_max = 64;     // fits a column of `status` and a file name
constexpr std::size_t device_bytes_max = 15;    // Linux: IFNAMSIZ - 1
constexpr std::size_t process_bytes_max = 255;  // NAME_MAX: no executable has a longer name

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Fault> check_label(std::string_view text) {
  if (text.size() > label_bytes_max) return Fault{fmt::format("is longer than {} characters", label_bytes_max)};
  const auto is_clean = [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; };
  if (std::all_of(text.begin(), text.end(), is_clean)) return std::nullopt;
  return Fault{"holds a character that a name cannot have"};
}

std::optional<Fault> check_device(std::string_view text) {
  if (text.size() > device_bytes_max) return Fault{fmt::format("is longer than {} characters", device_bytes_max)};
  if (text.find_first_of("/ \t\n:") == std::string_view::npos && text != "." && text != "..") return std::nullopt;
  return Fault{"is not the name of a network interface"};
}

std::optional<Fault> check_variable(std::string_view text) {
  const bool is_clean = !is_digit(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_';
  });
  if (is_clean && text.size() <= label_bytes_max) return std::nullopt;
  return Fault{"is not a name"};
}

std::optional<Fault> check_process(std::string_view text) {
  if (text.size() > process_bytes_max) return Fault{fmt::format("is longer than {} characters", process_bytes_max)};
  if (text.find('/') != std::string_view::npos) return Fault{"holds a \"/\": write the name, not the path"};
  if (text.front() == ' ' || text.back() == ' ') return Fault{"begins or ends with a blank"};
  return std::nullopt;
}

std::optional<Fault> check_path(std::string_view text) {
  if (!is_absolute_path(text)) return Fault{"is not an absolute path"};
  const bool is_root = text.find_first_not_of("/\\") == std::string_view::npos || (text[1] == ':' && text.size() <= 3);
  if (is_root) return Fault{"is the root of a file system"};
  if (text.find("/../") != std::string_view::npos || (text.size() >= 3 && text.substr(text.size() - 3) == "/..")) {
    return Fault{"holds \"..\": write the path it leads to"};
  }
  return std::nullopt;
}

/// Where a bracket expression ends; `at` is behind its '['. A ']' that comes first, or second after '^', is an ordinary
/// character, and classes such as [:alpha:] have brackets of their own.
std::size_t bracket_end(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '^') ++at;
  if (at < text.size() && text[at] == ']') ++at;
  while (at < text.size() && text[at] != ']') {
    const bool is_class = text[at] == '[' && at + 1 < text.size() && text.substr(at + 1).find_first_of(":.=") == 0;
    const std::size_t end = is_class ? text.find(std::string{text[at + 1], ']'}, at + 2) : std::string_view::npos;
    at = end == std::string_view::npos ? at + 1 : end + 2;
  }
  return std::min(at, text.size());
}

/// POSIX leaves the meaning of "\/" open and every C library takes it for "/", so patterns have it; std::regex refuses
/// it. Escapes of letters and digits stay: their meaning does differ between libraries.
std::string without_idle_escapes(std::string_view text) {
  constexpr std::string_view special = "^.[]$()|*+?{}\\";
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '[') {
      const std::size_t end = bracket_end(text, at + 1);
      out += text.substr(at, end - at);
      at = end - 1;
    } else if (text[at] == '\\' && at + 1 < text.size()) {
      const char next = text[++at];
      if (is_letter(next) || is_digit(next) || special.find(next) != std::string_view::npos) out += '\\';
      out += next;
    } else {
      out += text[at];
    }
  }
  return out;
}

std::optional<Fault> check_regex(std::string_view text) {
  if (text.size() > regex_bytes_max) return Fault{fmt::format("is longer than {} characters", regex_bytes_max)};
  if (text.empty()) return Fault{"is empty after the \"!\""};
  try {
    // Compiling is the check; the library also bounds the size of what a pattern may expand to.
    const std::regex compiled{without_idle_escapes(text), std::regex::extended};
    return std::nullopt;
  } catch (const std::regex_error& error) {
    return Fault{fmt::format("is not a POSIX extended regular expression: {}", error.what())};
  }
}

const std::vector<std::string_view>& reaction_words() {
  static const std::vector<std::string_view> words{"restart", "stopstart", "stop", "noaction"};
  return words;
}

std::optional<Fault> check_reaction(std::string_view text) {
  if (is_reaction_word(text)) return std::nullopt;
  if (text.find_first_of("\n\r\t") != std::string_view::npos || text.front() == ' ' || text.back() == ' ') {
    return Fault{"is neither a known action nor the path of a handler"};
  }
  // "restrat" is taken for a slip and "my_handler" for a file of the module's bin.
  const bool looks_like_file = text.find_first_of("/\\.") != std::string_view::npos;
  std::string nearest = looks_like_file ? std::string{} : nearest_name(text, reaction_words());
  if (!nearest.empty()) {
    return Fault{fmt::format("is not a known action (a handler of that name is written \"./{}\")", text),
                 std::move(nearest)};
  }
  const bool leaves_bin = text.substr(0, 3) == "../" || text.find("/../") != std::string_view::npos;
  if (leaves_bin) return Fault{"leaves the module's bin: write an absolute path"};
  return std::nullopt;
}

}  // namespace

bool is_absolute_path(std::string_view text) {
  if (!text.empty() && text.front() == '/') return true;
  return text.size() >= 3 && is_letter(text[0]) && text[1] == ':' && (text[2] == '\\' || text[2] == '/');
}

bool is_reaction_word(std::string_view text) {
  const auto& words = reaction_words();
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<Fault> find_fault(Type type, std::string_view text) {
  switch (type) {
    case Type::label:
      return check_label(text);
    case Type::device:
      return check_device(text);
    case Type::variable:
      return check_variable(text);
    case Type::process:
      return check_process(text);
    case Type::path:
      return check_path(text);
    case Type::regex:
      return check_regex(text);
    case Type::regex_or_not:
      return check_regex(text.front() == '!' ? text.substr(1) : text);
    case Type::reaction:
      return check_reaction(text);
    default:
      return std::nullopt;
  }
}

std::string_view describe_syntax(Type type) {
  switch (type) {
    case Type::label:
      return "letters, digits, \".\", \"-\" and \"_\", at most 64";
    case Type::host:
      return "an IPv4 address, an IPv6 address or a host name";
    case Type::device:
      return "a network interface such as eth0, at most 15 characters";
    case Type::netmask:
      return "a mask such as 255.255.255.0, or a prefix length from 1 to 32";
    case Type::path:
      return "an absolute path below the root";
    case Type::regex:
      return "a POSIX extended regular expression";
    case Type::regex_or_not:
      return "a POSIX extended regular expression, optionally after \"!\"";
    case Type::variable:
      return "letters, digits and \"_\", not beginning with a digit";
    case Type::process:
      return "the name of a process or service";
    case Type::reaction:
      return "restart, stopstart, stop, noaction, or the path of a handler";
    default:
      return {};
  }
}

}  // namespace clusteragent::config
