#pragma once
// Big-endian numbers in a buffer of fixed size. The writer asserts that there is room (the caller chose the buffer);
// the reader remembers that something was missing, so that a decoder checks once at its end. Pure; one caller at a
// time.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/assert.hpp"

namespace clusteragent::wire {

class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> room) : room_{room} {}

  template <typename Number>
  void number(Number value) {
    CLUSTERAGENT_ASSERT(room_.size() - size_ >= sizeof(Number));
    const auto wide = static_cast<std::uint64_t>(value);
    for (std::size_t shift = sizeof(Number) * 8; shift > 0; shift -= 8) {
      room_[size_++] = static_cast<std::uint8_t>(wide >> (shift - 8));
    }
  }
  void octets(std::span<const std::uint8_t> octets) {
    CLUSTERAGENT_ASSERT(room_.size() - size_ >= octets.size());
    std::copy(octets.begin(), octets.end(), room_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += octets.size();
  }
  void text(std::string_view text) { octets({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); }
  std::size_t size() const { return size_; }

 private:
  std::span<std::uint8_t> room_;
  std::size_t size_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

  template <typename Number>
  Number number() {
    if (bytes_.size() < sizeof(Number)) {
      is_short_ = true;
      bytes_ = {};
      return Number{};
    }
    std::uint64_t wide = 0;
    for (std::size_t at = 0; at < sizeof(Number); ++at) wide = (wide << 8) | bytes_[at];
    bytes_ = bytes_.subspan(sizeof(Number));
    return static_cast<Number>(wide);
  }
  std::string rest() {
    std::string text{bytes_.begin(), bytes_.end()};
    bytes_ = {};
    return text;
  }
  /// Nothing was missing and nothing is left over.
  bool is_complete() const { return !is_short_ && bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
  bool is_short_ = false;
};

}  // namespace clusteragent::wire
