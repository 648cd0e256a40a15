#pragma once
// Reads the agent's messages in place, for the guard: no copies, no heap. Every read is bounded by the message; a
// message that promises more than it has yields nothing.
#include <cstdint>
#include <cstring>
#include <span>

namespace clusteragent::fence {

class GuardReader {
 public:
  explicit GuardReader(std::span<const std::byte> message) : rest_{message} {}

  template <typename Number>
  Number number() {
    Number value{};
    const auto bytes = take(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> bytes() { return take(number<std::uint32_t>()); }
  /// Closed by a zero; empty when it is not.
  const char* string() {
    const auto content = bytes();
    if (content.empty() || content.back() != std::byte{0}) {
      is_whole_ = false;
      return "";
    }
    return reinterpret_cast<const char*>(content.data());
  }
  bool is_whole() const { return is_whole_; }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > rest_.size()) {
      is_whole_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  std::span<const std::byte> rest_;
  bool is_whole_ = true;
};

}  // namespace clusteragent::fence
