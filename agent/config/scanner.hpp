#pragma once
// The place of every tag and attribute in an XML text, found by walking it once.
//
// Purpose: pugixml builds the tree but knows no place of an attribute and lets much pass that the standard refuses; the
// scanner finds the places and refuses (XML 1.0 §2.1-2.4, §3.1, §4.1). Whatever it accepts is small, flat enough and
// free of entities. Ownership: views into the text, which must outlive them. Threads: any. Errors: the first one, as an
// offset in bytes.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clusteragent::config {

struct StartTag {
  struct Attribute {
    std::string_view name;
    std::size_t at = 0;
  };
  std::string_view name;
  std::size_t at = 0;  // of the name; the '<' stands one byte before
  std::vector<Attribute> attributes;
  std::optional<std::size_t> text_at;
};

struct ScanError {
  std::size_t at = 0;
  std::string message;
};

class Scanner {
 public:
  /// `text` is valid UTF-8 without a byte order mark.
  explicit Scanner(std::string_view text) : text_{text} {}

  /// nullopt: the text is well formed and start_tags() lists its elements in order.
  std::optional<ScanError> scan();
  const std::vector<StartTag>& start_tags() const { return tags_; }

 private:
  bool scan_markup();
  bool scan_text();
  bool scan_doctype();
  bool scan_start_tag();
  bool scan_attribute(StartTag& tag);
  bool scan_attribute_value(const StartTag& tag, std::string_view name);
  bool scan_end_tag();
  bool skip_past(std::string_view end, std::string_view what);
  bool check_reference(std::size_t at);
  bool fail(std::size_t at, std::string message);

  bool starts_with(std::string_view prefix) const { return text_.substr(at_, prefix.size()) == prefix; }
  bool at_end() const { return at_ >= text_.size(); }
  void skip_blanks();
  std::string_view read_name();

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<StartTag> tags_;
  std::vector<std::size_t> open_;  // indices in tags_ of the elements that are open
  bool has_root_ = false;
  bool has_doctype_ = false;
  std::optional<ScanError> error_;
};

}  // namespace clusteragent::config
