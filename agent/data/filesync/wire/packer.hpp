#pragma once
// Little-endian numbers and counted strings in a payload. The reader remembers that something was missing, so that a
// decoder checks once at its end. Pure; one caller at a time.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clusteragent::filesync {

static_assert(std::endian::native == std::endian::little, "frames are written as the machine holds numbers");

template <typename Number>
void store_little(std::byte* to, Number value) {
  std::memcpy(to, &value, sizeof value);
}

class Packer {
 public:
  template <typename Number>
  Packer& number(Number value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store_little(bytes_.data() + at, value);
    return *this;
  }
  Packer& text(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), from, from + text.size());
    return *this;
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::span<const std::byte> bytes) : bytes_{bytes} {}

  template <typename Number>
  Number number() {
    Number value{};
    if (bytes_.size() < sizeof value) {
      fail();
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (bytes_.size() < size) {
      fail();
      return {};
    }
    std::string text{reinterpret_cast<const char*>(bytes_.data()), size};
    bytes_ = bytes_.subspan(size);
    return text;
  }
  bool is_empty() const { return bytes_.empty(); }
  /// Nothing was missing and nothing is left over.
  bool is_complete() const { return !is_short_ && bytes_.empty(); }

 private:
  void fail() {
    is_short_ = true;
    bytes_ = {};
  }

  std::span<const std::byte> bytes_;
  bool is_short_ = false;
};

}  // namespace clusteragent::filesync
