#pragma once
// The log facade: shells write through it, pure folders never include it (the core says what it has to say in Note
// actions). One event, one line. Lines go to standard error in a form that journald reads (`<priority>` prefix when
// standard error is the journal) and, where set_file was called, to the module's log. Safe from any thread.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"

namespace clusteragent::log {

/// SafeKit's levels: C critical, E event, U user action, S script run, I information, D debug.
enum class Level : char { critical = 'C', event = 'E', user = 'U', script = 'S', info = 'I', debug = 'D' };

/// Where lines go besides standard error: `path` is created with mode 0640 and rotated at `bytes_max`.
Status set_file(const std::string& path, std::size_t bytes_max);
/// From here on a thread of its own writes, and nobody who logs waits for a disk. Never ends.
void start_writer();
/// Waits until all is written, but not longer than that.
void flush(Duration limit);
/// Module name that stands in every line.
void set_module(std::string module);
/// Debug lines are dropped unless asked for.
void enable_debug(bool on);

/// Writes `date time.usec | component | level | text`.
void write(Level level, std::string_view component, std::string_view text);

template <typename... Args>
void event(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::event, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void critical(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::critical, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace clusteragent::log
