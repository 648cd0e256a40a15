#include "agent/config/scanner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "agent/config/document.hpp"

namespace clusteragent::config {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c) || c == '.' || c == '-';
}

/// XML 1.0 §2.2: what a character reference may stand for. Control characters would end up in command lines and logs.
bool is_character(std::uint32_t code) {
  return code == 0x9 || code == 0xa || code == 0xd || (code >= 0x20 && code <= 0xd7ff) ||
         (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

/// `body` is what stands between "&#" and ";".
bool is_character_reference(std::string_view body) {
  const bool is_hex = !body.empty() && body.front() == 'x';
  if (is_hex) body.remove_prefix(1);
  if (body.empty() || body.size() > 8 || !std::all_of(body.begin(), body.end(), is_hex ? is_hex_digit : is_digit)) {
    return false;
  }
  std::uint32_t code = 0;
  for (const char c : body) {
    const int digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    code = code * (is_hex ? 16U : 10U) + static_cast<std::uint32_t>(digit);
  }
  return is_character(code);
}

}  // namespace

bool Scanner::fail(std::size_t at, std::string message) {
  error_ = ScanError{at, std::move(message)};
  return false;
}

void Scanner::skip_blanks() {
  while (!at_end() && is_blank(text_[at_])) ++at_;
}

std::string_view Scanner::read_name() {
  const std::size_t from = at_;
  if (at_end() || !is_name_start(text_[at_])) return {};
  while (!at_end() && is_name_char(text_[at_])) ++at_;
  return text_.substr(from, at_ - from);
}

bool Scanner::skip_past(std::string_view end, std::string_view what) {
  const std::size_t found = text_.find(end, at_);
  if (found == std::string_view::npos) return fail(at_, fmt::format("{} is never closed by \"{}\"", what, end));
  at_ = found + end.size();
  return true;
}

bool Scanner::check_reference(std::size_t at) {
  constexpr std::array<std::string_view, 5> predefined{"lt", "gt", "amp", "quot", "apos"};
  constexpr std::size_t reference_bytes_max = 12;
  const std::string_view ahead = text_.substr(at + 1, reference_bytes_max);
  const std::string_view body = ahead.substr(0, ahead.find(';'));
  if (body.size() == ahead.size()) return fail(at, "\"&\" must be written as \"&amp;\"");
  if (body.substr(0, 1) == "#") {
    if (is_character_reference(body.substr(1))) return true;
    return fail(at, fmt::format("\"&{};\" does not name a character", body));
  }
  if (std::find(predefined.begin(), predefined.end(), body) != predefined.end()) return true;
  return fail(at, fmt::format("\"&{};\" is not defined: entities cannot be declared here, only &lt; &gt; &amp; &quot; "
                              "&apos; and character references exist",
                              body));
}

std::optional<ScanError> Scanner::scan() {
  while (!at_end()) {
    if (!(text_[at_] == '<' ? scan_markup() : scan_text())) return error_;
  }
  if (!open_.empty()) {
    const StartTag& tag = tags_[open_.back()];
    return ScanError{tag.at - 1, fmt::format("<{}> is never closed by </{}>", tag.name, tag.name)};
  }
  if (!has_root_) return ScanError{0, "the file holds no XML element"};
  return std::nullopt;
}

bool Scanner::scan_text() {
  while (!at_end() && text_[at_] != '<') {
    const char c = text_[at_];
    if (!is_blank(c)) {
      if (open_.empty()) return fail(at_, "text stands outside the root element");
      StartTag& owner = tags_[open_.back()];
      if (!owner.text_at) owner.text_at = at_;
      if (c == '&' && !check_reference(at_)) return false;
    }
    ++at_;
  }
  return true;
}

bool Scanner::scan_markup() {
  if (starts_with("<!--")) {
    at_ += 4;
    return skip_past("-->", "a comment");
  }
  if (starts_with("<?")) return skip_past("?>", "a processing instruction");
  if (starts_with("<![CDATA[")) {
    if (open_.empty()) return fail(at_, "text stands outside the root element");
    StartTag& owner = tags_[open_.back()];
    if (!owner.text_at) owner.text_at = at_;
    return skip_past("]]>", "a CDATA section");
  }
  if (starts_with("<!DOCTYPE")) return scan_doctype();
  if (starts_with("<!")) return fail(at_, "declarations other than a plain <!DOCTYPE name> are refused");
  return starts_with("</") ? scan_end_tag() : scan_start_tag();
}

bool Scanner::scan_doctype() {
  const std::size_t from = at_;
  if (has_doctype_ || has_root_) return fail(from, "<!DOCTYPE> may stand once, before the root element");
  has_doctype_ = true;
  at_ += std::string_view{"<!DOCTYPE"}.size();
  skip_blanks();
  if (read_name().empty()) return fail(from, "<!DOCTYPE> names no root element");
  skip_blanks();
  if (starts_with("SYSTEM") || starts_with("PUBLIC")) {
    return fail(at_, "<!DOCTYPE> with an external identifier is refused: no other file is ever read");
  }
  if (starts_with("[")) return fail(at_, "<!DOCTYPE> with an internal subset is refused: entities are never expanded");
  if (!starts_with(">")) return fail(at_, "<!DOCTYPE name> must end after the name");
  ++at_;
  return true;
}

bool Scanner::scan_start_tag() {
  const std::size_t from = at_++;
  StartTag tag;
  tag.at = at_;
  tag.name = read_name();
  if (tag.name.empty()) return fail(from, "\"<\" must be written as \"&lt;\" where no element begins");
  if (open_.empty() && has_root_) return fail(from, fmt::format("<{}> is a second root element", tag.name));
  if (open_.size() >= depth_max) return fail(from, fmt::format("elements are nested deeper than {}", depth_max));
  if (tags_.size() >= elements_max) return fail(from, fmt::format("the file has more than {} elements", elements_max));
  while (true) {
    const std::size_t blanks_from = at_;
    skip_blanks();
    if (starts_with("/>") || starts_with(">")) break;
    if (at_end()) return fail(from, fmt::format("the tag <{} is never closed by \">\"", tag.name));
    if (at_ == blanks_from) return fail(at_, fmt::format("in <{}>: a blank must stand before an attribute", tag.name));
    if (!scan_attribute(tag)) return false;
  }
  has_root_ = true;
  const bool is_empty = text_[at_] == '/';
  at_ += is_empty ? 2 : 1;
  if (!is_empty) open_.push_back(tags_.size());
  tags_.push_back(std::move(tag));
  return true;
}

bool Scanner::scan_attribute(StartTag& tag) {
  const std::size_t from = at_;
  const std::string_view name = read_name();
  if (name.empty()) return fail(from, fmt::format("in <{}>: an attribute's name is expected here", tag.name));
  const auto is_same = [&](const StartTag::Attribute& other) { return other.name == name; };
  if (std::any_of(tag.attributes.begin(), tag.attributes.end(), is_same)) {
    return fail(from, fmt::format("in <{}>: attribute \"{}\" is written twice", tag.name, name));
  }
  if (tag.attributes.size() >= attributes_max) {
    return fail(from, fmt::format("<{}> has more than {} attributes", tag.name, attributes_max));
  }
  skip_blanks();
  if (!starts_with("=")) return fail(from, fmt::format("in <{}>: attribute \"{}\" has no =\"value\"", tag.name, name));
  ++at_;
  skip_blanks();
  if (!scan_attribute_value(tag, name)) return false;
  tag.attributes.push_back({name, from});
  return true;
}

bool Scanner::scan_attribute_value(const StartTag& tag, std::string_view name) {
  const std::size_t from = at_;
  if (!starts_with("\"") && !starts_with("'")) {
    return fail(from, fmt::format("in <{}>: the value of \"{}\" must stand in quotation marks", tag.name, name));
  }
  const char quote = text_[at_++];
  while (!at_end() && text_[at_] != quote) {
    if (text_[at_] == '<') {
      return fail(at_, fmt::format("in <{} {}=...>: \"<\" in a value must be written as \"&lt;\" (or the closing "
                                   "quotation mark is missing)",
                                   tag.name, name));
    }
    if (text_[at_] == '&' && !check_reference(at_)) return false;
    ++at_;
  }
  if (at_end()) {
    return fail(from, fmt::format("in <{}>: the value of \"{}\" has no closing quotation mark", tag.name, name));
  }
  ++at_;
  return true;
}

bool Scanner::scan_end_tag() {
  const std::size_t from = at_;
  at_ += 2;
  const std::string_view name = read_name();
  skip_blanks();
  if (!starts_with(">")) return fail(from, fmt::format("the end tag </{} is never closed by \">\"", name));
  ++at_;
  if (open_.empty()) return fail(from, fmt::format("</{}> closes nothing", name));
  const StartTag& tag = tags_[open_.back()];
  if (tag.name != name) {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(tag.at), '\n');
    return fail(from, fmt::format("</{}> stands where </{}> is expected: <{}> of line {} is still open", name, tag.name,
                                  tag.name, line));
  }
  open_.pop_back();
  return true;
}

}  // namespace clusteragent::config
