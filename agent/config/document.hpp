#pragma once
// A configuration file as a tree of elements with the place of everything in it.
//
// Purpose: the only door through which XML text gets in. It is strict where XML libraries are lenient (stray text,
// repeated attributes, undefined entities, several roots) and closed where XML is open: a document type may be named
// (`<!DOCTYPE safe>`), but no internal subset, external identifier or entity is ever read, so nothing expands.
// Ownership: values. Threads: any. Errors: one diagnostic at the first place where the text stops being XML.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/diagnostic.hpp"

namespace clusteragent::config {

/// A hundred times what the largest sensible userconfig.xml needs; bounds the memory of the tree.
constexpr std::size_t file_bytes_max = std::size_t{1024} * 1024;
/// The language nests eight deep; the readers recurse, so the bound protects the stack.
constexpr std::size_t depth_max = 32;
constexpr std::size_t elements_max = 10'000;
constexpr std::size_t attributes_max = 64;  // of one element; <rfs>, the richest, has 27

struct XmlAttribute {
  std::string name;
  std::string value;  // character references replaced, white space normalised to blanks
  Position at;        // of its name
};

struct XmlElement {
  std::string name;
  Position at;  // of its '<'
  std::vector<XmlAttribute> attributes;
  std::vector<XmlElement> children;
  std::optional<Position> text_at;  // text other than white space stands directly inside it
};

/// The root element; nullopt: a diagnostic says why.
std::optional<XmlElement> read_document(std::string_view text, Diagnostics& diagnostics);

}  // namespace clusteragent::config
