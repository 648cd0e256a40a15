#pragma once
// Result<T>: a value or an Error. Operating errors (anything the outside can cause) travel in it; programmer errors are
// assertions (base/assert.hpp). An Error's message is written for the operator: what failed, on what, and the remedy.
// Thread-free value types.
#include <string>
#include <utility>
#include <variant>

#include "agent/base/assert.hpp"

namespace clusteragent {

enum class ErrorCode {
  usage,          // the caller asked for something that cannot be said that way
  refused,        // the present state forbids it
  unreachable,    // the other side does not answer
  configuration,  // a file says something that cannot be
  system,         // the operating system refused; the message carries its reason
  corrupt,        // data from disk or network is damaged or forged
};

struct Error {
  ErrorCode code = ErrorCode::system;
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_{std::in_place_index<0>, std::move(value)} {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : content_{std::in_place_index<1>, std::move(error)} {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CLUSTERAGENT_ASSERT(ok());
    return *std::get_if<0>(&content_);
  }
  const T& value() const& {
    CLUSTERAGENT_ASSERT(ok());
    return *std::get_if<0>(&content_);
  }
  T&& value() && {
    CLUSTERAGENT_ASSERT(ok());
    return std::move(*std::get_if<0>(&content_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    CLUSTERAGENT_ASSERT(!ok());
    return *std::get_if<1>(&content_);
  }

 private:
  std::variant<T, Error> content_;
};

struct Done {};
/// Result of an operation that yields nothing but success.
using Status = Result<Done>;
inline Status success() {
  return Done{};
}

}  // namespace clusteragent
