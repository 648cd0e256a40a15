#pragma once
// The last lines of a script's output, fit for one line of log and for `status`. Pure; any thread.
#include <cstddef>
#include <string>
#include <string_view>

namespace clusteragent::hooks {

// What an operator reads at a glance; the whole output is in the userlog.
inline constexpr std::size_t tail_lines_max = 10;
inline constexpr std::size_t tail_bytes_max = 1024;
// Read from the end of the file: enough for the above after blanks and control characters are gone.
inline constexpr std::size_t tail_read_bytes = 8 * 1024;

/// The last lines of `output`, blank ones left out, joined by " | ". Control characters and what is not UTF-8 become
/// '?', because a script's output may be anything and the result goes into logs and JSON. `starts_inside` says that
/// `output` begins in the middle of a line, which is then left out if others follow.
std::string last_lines(std::string_view output, bool starts_inside = false);

/// `text` with everything replaced that is not printable UTF-8.
std::string printable(std::string_view text);

}  // namespace clusteragent::hooks
