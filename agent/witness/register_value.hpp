#pragma once
// What the two nodes keep in a register of a store that compares and swaps (etcd), where that is the third voter: the
// votes and the promise of one module, as one line of JSON. Pure functions; any thread. Errors: a text that is not
// exactly what encode_register writes is refused and says why; it is then nobody's to overwrite. Rules:
// docs/witness.md.
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.hpp"
#include "agent/core/voter.hpp"

namespace clusteragent::witness {

/// Of a register: it knows no time, so it says how long, and the reader counts from when it saw it first.
struct RegisterPromise {
  NodeId holder{};
  Duration lease{};
  friend bool operator==(const RegisterPromise&, const RegisterPromise&) = default;
};

struct RegisterValue {
  core::Record record;
  Epoch voted_epoch;
  NodeId voted_for{};
  std::optional<RegisterPromise> promise;
  friend bool operator==(const RegisterValue&, const RegisterValue&) = default;
};

std::string encode_register(const RegisterValue& value);
/// The empty text is the register that nobody has written yet.
Result<RegisterValue> decode_register(std::string_view text);

}  // namespace clusteragent::witness
