#include "agent/witness/register_value.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace clusteragent::witness {

using Json = nlohmann::json;

namespace {

constexpr std::uint64_t format = 1;
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t keys = 8;
// As on the wire: a longer lease is nobody's timeout.
constexpr std::uint64_t lease_ns_max = 3'600'000'000'000;

Error corrupt(std::string message) {
  return {ErrorCode::corrupt, std::move(message)};
}

std::optional<std::uint64_t> number(const Json& object, const char* key, std::uint64_t maximum) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<std::uint64_t>();
  if (value > maximum) return std::nullopt;
  return value;
}

NodeId node_of(std::uint64_t number) {
  return NodeId{static_cast<std::uint8_t>(number)};
}

Result<std::optional<RegisterPromise>> read_promise(const Json& root) {
  const auto found = root.find("promise");
  if (found == root.end()) return corrupt("promise is missing");
  if (found->is_null()) return std::optional<RegisterPromise>{};
  if (!found->is_object() || found->size() != 2) return corrupt("promise is neither null nor a holder and a lease");
  const auto holder = number(*found, "holder", 1);
  const auto lease = number(*found, "lease_ns", lease_ns_max);
  if (!holder || !lease) return corrupt("promise has no holder (0 or 1) or no lease_ns (up to one hour)");
  return std::optional{RegisterPromise{node_of(*holder), Duration{static_cast<std::int64_t>(*lease)}}};
}

}  // namespace

std::string encode_register(const RegisterValue& value) {
  Json promise;
  if (value.promise) {
    promise = {{"holder", value.promise->holder.value()},
               {"lease_ns", static_cast<std::uint64_t>(value.promise->lease.count())}};
  }
  return Json{{"format", format},
              {"epoch", value.record.epoch.value()},
              {"revision", value.record.revision.value()},
              {"holder", value.record.holder.value()},
              {"sync_set", value.record.sync_set.bits},
              {"voted_epoch", value.voted_epoch.value()},
              {"voted_for", value.voted_for.value()},
              {"promise", std::move(promise)}}
      .dump();
}

Result<RegisterValue> decode_register(std::string_view text) {
  if (text.empty()) return RegisterValue{};
  if (text.size() > text_bytes_max) return corrupt(fmt::format("{} bytes, at most {}", text.size(), text_bytes_max));
  const Json root = Json::parse(text, nullptr, false);
  if (!root.is_object()) return corrupt("it is no JSON object");
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  const auto found_format = number(root, "format", any);
  if (!found_format) return corrupt("it has no format");
  if (*found_format != format) {
    return corrupt(fmt::format("it is of format {}, and this version reads format {}", *found_format, format));
  }
  const auto epoch = number(root, "epoch", any);
  const auto revision = number(root, "revision", any);
  const auto holder = number(root, "holder", 1);
  const auto sync_set = number(root, "sync_set", core::NodeSet::both().bits);
  const auto voted_epoch = number(root, "voted_epoch", any);
  const auto voted_for = number(root, "voted_for", 1);
  const bool is_whole = epoch && revision && holder && sync_set && voted_epoch && voted_for && root.size() == keys;
  if (!is_whole) return corrupt("a field is missing, foreign or out of range");
  // The record of an epoch is known only after the vote for it.
  if (*sync_set == 0 || *voted_epoch < *epoch) return corrupt("its fields contradict each other");
  auto promise = read_promise(root);
  if (!promise) return promise.error();
  return RegisterValue{
      {Epoch{*epoch}, Revision{*revision}, node_of(*holder), core::NodeSet{static_cast<std::uint8_t>(*sync_set)}},
      Epoch{*voted_epoch},
      node_of(*voted_for),
      *promise};
}

}  // namespace clusteragent::witness
