#pragma once
// What is wrong with a configuration file and where, written for the administrator who has to correct it.
//
// Purpose: every reader in this folder reports all mistakes of a file at once through one Diagnostics collector.
// Ownership: values. Threads: none of its own, one caller at a time. Lines and columns count from 1; a column counts
// characters, not bytes, as editors do.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clusteragent::config {

enum class Severity : std::uint8_t { error, warning };

struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Diagnostic {
  Severity severity = Severity::error;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;  // what is wrong, with the element and attribute named
  std::string value;    // as written in the file, macros expanded; empty: the mistake is not one of a value
  std::string allowed;  // empty: nothing to say beyond the message
  std::string nearest;  // the known name that was probably meant; empty: none is near

  /// `file:line:column: error: message; allowed: ...; did you mean "..."?`
  std::string format() const;
};

/// What a diagnostic may carry besides its message.
struct Detail {
  std::string value{};
  std::string allowed{};
  std::string nearest{};
};

/// A file that is wrong everywhere (a binary, another program's XML) would otherwise bury the first, useful lines.
constexpr std::size_t diagnostics_max = 100;

class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_{std::move(file)} {}

  void error(Position at, std::string message, Detail detail = {});
  void warning(Position at, std::string message, Detail detail = {});

  bool has_errors() const { return has_errors_; }
  const std::string& file() const { return file_; }
  /// In the order of the file.
  std::vector<Diagnostic> take();

 private:
  void add(Severity severity, Position at, std::string message, Detail detail);

  std::string file_;
  std::vector<Diagnostic> list_;
  bool has_errors_ = false;
  std::size_t dropped_ = 0;
};

/// The candidate that differs least from `wanted` (letters swapped, missing or wrong, case ignored); empty when none is
/// close enough to be a probable slip.
std::string nearest_name(std::string_view wanted, const std::vector<std::string_view>& candidates);

}  // namespace clusteragent::config
