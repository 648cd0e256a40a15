#include "agent/config/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <unordered_map>
#include <utility>

#include "agent/config/scanner.hpp"

namespace clusteragent::config {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

class Lines {
 public:
  explicit Lines(std::string_view text) : text_{text} {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n') starts_.push_back(at + 1);
    }
  }

  Position at(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const std::size_t start = *(next - 1);
    const auto is_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
    const std::string_view before = text_.substr(start, offset - start);
    return {static_cast<std::uint32_t>(next - starts_.begin()),
            static_cast<std::uint32_t>(1 + std::count_if(before.begin(), before.end(), is_character))};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_{0};
};

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

/// Bytes of the well-formed UTF-8 character at `at`, 0 when there is none (RFC 3629 §4: no overlong forms, no
/// surrogates).
std::size_t character_bytes(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  const std::size_t bytes = lead >= 0xc2 && lead <= 0xdf   ? 2
                            : lead >= 0xe0 && lead <= 0xef ? 3
                            : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                           : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte_at(text, at + i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned second = byte_at(text, at + 1);
  const bool is_overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool is_surrogate = lead == 0xed && second > 0x9f;
  const bool is_too_large = lead == 0xf4 && second > 0x8f;
  return is_overlong || is_surrogate || is_too_large ? 0 : bytes;
}

/// The first byte that no text file has, with the sentence for it.
std::optional<ScanError> check_characters(std::string_view text) {
  if (text.size() >= 2 && (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff")) {
    return ScanError{0, "the file is UTF-16; save it as UTF-8"};
  }
  std::size_t at = 0;
  while (at < text.size()) {
    const unsigned byte = byte_at(text, at);
    if (byte == 0) return ScanError{at, "the file holds a NUL byte; it is binary or UTF-16, save it as UTF-8"};
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      return ScanError{at, fmt::format("the file holds the control character 0x{:02x}", byte)};
    }
    const std::size_t bytes = character_bytes(text, at);
    if (bytes == 0) return ScanError{at, fmt::format("byte 0x{:02x} is not valid UTF-8; save the file as UTF-8", byte)};
    at += bytes;
  }
  return std::nullopt;
}

class TreeBuilder {
 public:
  TreeBuilder(const Lines& lines, const std::vector<StartTag>& tags) : lines_{lines} {
    for (const StartTag& tag : tags) tags_.emplace(static_cast<std::ptrdiff_t>(tag.at), &tag);
  }

  /// nullopt: pugixml and the scanner read the text differently.
  std::optional<XmlElement> build(const pugi::xml_node& node) const {
    const auto found = tags_.find(node.offset_debug());
    if (found == tags_.end()) return std::nullopt;
    const StartTag& tag = *found->second;
    XmlElement element;
    element.name = node.name();
    element.at = lines_.at(tag.at - 1);
    if (tag.text_at) element.text_at = lines_.at(*tag.text_at);
    for (const StartTag::Attribute& attribute : tag.attributes) {
      const std::string name{attribute.name};
      const pugi::xml_attribute value = node.attribute(name.c_str());
      if (value.empty()) return std::nullopt;
      element.attributes.push_back({name, value.value(), lines_.at(attribute.at)});
    }
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() != pugi::node_element) continue;
      auto built = build(child);
      if (!built) return std::nullopt;
      element.children.push_back(std::move(*built));
    }
    return element;
  }

 private:
  const Lines& lines_;
  std::unordered_map<std::ptrdiff_t, const StartTag*> tags_;
};

}  // namespace

std::optional<XmlElement> read_document(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > file_bytes_max) {
    diagnostics.error({1, 1}, fmt::format("the file has {} bytes, more than a configuration can have", text.size()),
                      {{}, fmt::format("at most {} bytes", file_bytes_max), {}});
    return std::nullopt;
  }
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
  const Lines lines{text};
  Scanner scanner{text};
  auto error = check_characters(text);
  if (!error) error = scanner.scan();
  if (error) {
    diagnostics.error(lines.at(error->at), std::move(error->message));
    return std::nullopt;
  }
  pugi::xml_document document;
  constexpr unsigned flags = pugi::parse_escapes | pugi::parse_eol | pugi::parse_wconv_attribute;
  const auto parsed = document.load_buffer(text.data(), text.size(), flags, pugi::encoding_utf8);
  if (!parsed) {
    diagnostics.error(lines.at(static_cast<std::size_t>(std::max<std::ptrdiff_t>(parsed.offset, 0))),
                      fmt::format("the file is not well-formed XML: {}", parsed.description()));
    return std::nullopt;
  }
  auto root = TreeBuilder{lines, scanner.start_tags()}.build(document.document_element());
  if (!root) diagnostics.error({1, 1}, "the file is not well-formed XML");
  return root;
}

}  // namespace clusteragent::config
