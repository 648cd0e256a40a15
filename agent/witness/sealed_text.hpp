#pragma once
// Small text files that are replaced as a whole: a heading with a version, `key=number` lines, a checksum over all of
// it. A file that is damaged is told from one that is not there. Functions without state; any thread; those that touch
// files block.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/base/result.hpp"

namespace clusteragent::witness {

/// Values in the order of the file. Exactly the expected keys in their order, or the text is refused.
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string seal(std::string_view heading, const Fields& fields);
/// The error says what is wrong, without the path. `keys`: what must be there.
Result<std::vector<std::string>> unseal(std::string_view heading, const std::vector<std::string>& keys,
                                        std::string_view text);
/// The whole text is a number of that type, written as seal's callers write it.
template <typename Number>
bool read_number(const std::string& text, Number& into) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failure == std::errc{} && end == text.data() + text.size();
}

/// nullopt: there is no such file.
Result<std::optional<std::string>> read_small_file(const std::string& path);

/// What became of a file that was to be replaced.
enum class Replaced {
  done,
  unchanged,  // the former one is there, as durable as it was
  uncertain,  // after a crash it may be either
};
struct Replacement {
  Replaced outcome = Replaced::done;
  std::string problem;  // what failed, on what; empty when done
};
/// Through a temporary file beside it. `is_durable`: fsync of the file and its directory.
Replacement replace_file(const std::string& path, std::string_view text, bool is_durable);

}  // namespace clusteragent::witness
