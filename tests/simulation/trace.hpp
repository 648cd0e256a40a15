#pragma once
// The story of one run: one line an event and an action, hashed as it goes. The hash always covers the whole run; text
// is made only when somebody is going to read it, which is what keeps thousands of seeds cheap. A failed seed is simply
// run again with text on. Owned by the World; single-threaded.
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>

#include "agent/base/ids.hpp"
#include "tests/simulation/event_queue.hpp"

namespace clusteragent::simulation {

enum class TraceMode {
  hash_only,
  ring,  // keep the last lines and hand them out when asked
  live,  // print every line at once
};

class Trace {
 public:
  /// What a reader can take in after a failure.
  static constexpr std::size_t ring_lines_max = 400;

  explicit Trace(TraceMode mode) : mode_{mode} {}

  /// `numbers` go into the hash, `text()` (returns std::string) into the line.
  template <typename Text>
  void line(TrueTime now, char who, std::initializer_list<std::uint64_t> numbers, Text&& text) {
    mix(static_cast<std::uint64_t>(now.count()));
    mix(static_cast<std::uint64_t>(who));
    for (const std::uint64_t number : numbers) {
      mix(number);
    }
    if (mode_ != TraceMode::hash_only) {
      keep(fmt::format("{:>12.6f} {} {}", static_cast<double>(now.count()) / 1e9, who, text()));
    }
  }

  std::uint64_t hash() const { return hash_; }
  const std::deque<std::string>& last_lines() const { return ring_; }

 private:
  void mix(std::uint64_t number) {
    hash_ ^= number + 0x9e3779b97f4a7c15ULL + (hash_ << 6U) + (hash_ >> 2U);
    hash_ *= 0xff51afd7ed558ccdULL;
  }
  void keep(std::string line) {
    if (mode_ == TraceMode::live) {
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fputc('\n', stdout);
      return;
    }
    ring_.push_back(std::move(line));
    if (ring_.size() > ring_lines_max) {
      ring_.pop_front();
    }
  }

  TraceMode mode_;
  std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
  std::deque<std::string> ring_;
};

/// For hashes of text.
std::uint64_t number_of(std::string_view text);
/// How nodes are called in traces and scenarios.
constexpr char letter_of(NodeId node) {
  return node.value() == 0 ? 'A' : 'B';
}

}  // namespace clusteragent::simulation
