#pragma once
// Random numbers of the simulator: the same seed gives the same sequence on every compiler and library, which the
// standard distributions do not promise. Every part draws from its own child stream, so that one more draw in one part
// does not shift what the others see. Values; single-threaded.
#include <cstdint>
#include <string_view>

#include "agent/base/assert.hpp"
#include "agent/base/time.hpp"

namespace clusteragent::simulation {

/// Chances are counted in millionths: integers compare equal on every machine.
constexpr std::uint32_t chance_always = 1'000'000;

struct Span {
  Duration least{};
  Duration most{};
};

class Prng {
 public:
  explicit Prng(std::uint64_t seed) : seed_{seed}, state_{seed} {}

  /// A stream of its own; does not advance this one.
  Prng child(std::string_view name) const {
    std::uint64_t mixed = seed_ ^ 0x6a09e667f3bcc909ULL;
    for (const char letter : name) {
      mixed = scramble(mixed + static_cast<unsigned char>(letter));
    }
    return Prng{mixed};
  }
  Prng child(std::string_view name, std::uint64_t index) const {
    return Prng{scramble(child(name).seed_ + index * step)};
  }

  std::uint64_t next() { return scramble(state_ += step); }

  /// 0 .. bound-1. The bias of the remainder is below 2^-40 for the small bounds used here.
  std::uint64_t below(std::uint64_t bound) {
    CLUSTERAGENT_ASSERT(bound > 0);
    return next() % bound;
  }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    CLUSTERAGENT_ASSERT(least <= most);
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least) + 1));
  }
  Duration between(Duration least, Duration most) { return Duration{between(least.count(), most.count())}; }
  Duration within(Span span) { return between(span.least, span.most); }
  bool chance(std::uint32_t millionths) { return below(chance_always) < millionths; }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15ULL;

  static constexpr std::uint64_t scramble(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  }

  std::uint64_t seed_;
  std::uint64_t state_;
};

}  // namespace clusteragent::simulation
