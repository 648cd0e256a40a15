#pragma once
// A file after it was held against the table: every element with the effective value of every attribute it may have.
//
// Purpose: what the typed configurations are built from and what `config show`, the JSON form and the hash walk over.
// Ownership: values; rows are constants. Threads: any once built. Errors: read_section reports all it finds and goes
// on.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/document.hpp"
#include "agent/config/table.hpp"
#include "agent/config/value.hpp"

namespace clusteragent::config {

struct Section {
  const ElementRow* row = nullptr;
  Position at;
  std::vector<Value> values;  // one a row of the table, in its order
  std::vector<Section> children;

  /// The effective value of an attribute that the table knows (asserted).
  const Value& operator[](std::string_view attribute) const;
  /// The only or first child of that name; nullptr: none.
  const Section* find(std::string_view element) const;
  std::vector<const Section*> all(std::string_view element) const;
};

/// Looks a name up that no macro defines; nullopt: not defined there either.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Names for `%name%` in attribute values. They are replaced in values only, so a macro cannot add elements.
class Macros {
 public:
  explicit Macros(Environment environment) : environment_{std::move(environment)} {}
  /// `text` nullopt: its value was wrong and has been reported; who uses it is not reported again. False: defined
  /// before.
  bool define(const std::string& name, std::optional<std::string> text) {
    return texts_.emplace(name, std::move(text)).second;
  }
  /// Replaces every %name%; reports a name that is defined nowhere and a text that grows too long.
  /// nullopt: there is nothing to go on with.
  std::optional<std::string> expand(const std::string& text, Position at, Diagnostics& diagnostics) const;

 private:
  std::map<std::string, std::optional<std::string>, std::less<>> texts_;
  Environment environment_;
};

/// Where the default of an attribute comes from when it stands elsewhere; nullptr: its row names no such place.
const Value* inherited_from(const AttributeRow& row, const Section& own, const Section* parent);

/// Reads an element and all below it. Macros are defined by the <macro> elements on the way.
Section read_section(const XmlElement& element, const ElementRow& row, const Section* parent, Macros& macros,
                     Diagnostics& diagnostics);

/// The root of the file, which must be `name`; nullopt: it is something else.
std::optional<Section> read_root(const XmlElement& root, std::string_view name, Environment environment,
                                 Diagnostics& diagnostics);

}  // namespace clusteragent::config
