#pragma once
// The configuration language as one declarative table: a row for every element and every attribute.
//
// Purpose: the reader, `config show`, the hash, the generated reference and the search for the nearest name all work
// from these rows, so that none of them can know an option that another does not. Ownership: constants for the life of
// the program. Threads: any. Names, historic units and defaults are SafeKit's (User's Guide 8.2, §12 and §13), except
// where `description` says otherwise.
#include <cstdint>
#include <span>
#include <string_view>

namespace clusteragent::config {

/// How a value is read and checked.
enum class Type : std::uint8_t {
  text,          // anything printable
  label,         // letters, digits, '.', '-', '_': names that end in log lines, file names and resources
  choice,        // one of `allowed`
  integer,       // decimal or 0x hexadecimal
  duration,      // a bare number is in `unit`; or with d h m s ms us
  host,          // IPv4, IPv6 or a host name
  device,        // a network interface of the system
  netmask,       // 255.255.255.0 or 24
  path,          // absolute, Linux or Windows
  regex,         // POSIX extended regular expression
  regex_or_not,  // the same, a leading '!' inverts it
  variable,      // name of an environment variable
  process,       // name of a process or of a service
  reaction,      // errd: restart, stopstart, stop, noaction or a handler
};

enum class Standing : std::uint8_t {
  built,         // does what the description says
  stored,        // read and validated; a value other than the default refuses the start until it is built
  ignored,       // accepted for SafeKit's files; a value other than the default draws a warning with `note`
  default_only,  // a value other than the default is an error with `note`
  refused,       // elements only: an error with `note`
};

struct AttributeRow {
  std::string_view element{};
  std::string_view name{};
  Type type = Type::text;
  std::string_view fallback{};  // the default as it would be written; empty: none
  std::string_view inherits{};  // "element.attribute" whose effective value is the default; own element or its parent
  bool is_required = false;
  std::string_view unit{};   // of a bare number
  std::int64_t minimum = 0;  // of integers and durations, in `unit`
  std::int64_t maximum = 0;
  std::string_view allowed{};    // of choices, separated by '|'
  std::string_view not_built{};  // choices that SafeKit has and this version refuses
  Standing standing = Standing::built;
  std::string_view note{};
  std::string_view description{};
};

struct ElementRow {
  std::string_view name{};
  std::string_view parent{};  // empty: a root
  std::size_t count_min = 0;
  std::size_t count_max = 1;
  std::string_view key{};  // the attribute that tells one from another in `config show`
  Standing standing = Standing::built;
  std::string_view note{};
  std::string_view description{};
};

/// Elements of both files, a parent before its children.
std::span<const ElementRow> element_rows();
/// Attributes of both files, in the order in which they are shown and hashed.
std::span<const AttributeRow> attribute_rows();

const ElementRow* find_element(std::string_view name, std::string_view parent);
const AttributeRow* find_attribute(std::string_view element, std::string_view name);
/// The run of rows that belong to one element.
std::span<const AttributeRow> attributes_of(std::string_view element);

/// How often elements may stand; bounds of what the agent has to hold and to scan.
constexpr std::size_t heartbeats_max = 8;  // one frame goes out on each of them every pulse
constexpr std::size_t interfaces_max = 16;
constexpr std::size_t virtual_addresses_max = 32;  // each is announced several times at a take-over
constexpr std::size_t processes_max = 256;
constexpr std::size_t variables_max = 256;
constexpr std::size_t macros_max = 256;
constexpr std::size_t replicated_max = 64;
constexpr std::size_t replicas_max = 8;  // each has a thread, and its part of the status that the nodes exchange
constexpr std::size_t lans_max = 16;
constexpr std::size_t nodes_max = 32;

}  // namespace clusteragent::config
