#pragma once
// Strong identities: two numbers of different meaning cannot be swapped by accident. Values, thread-free.
#include <compare>
#include <cstdint>
#include <functional>

namespace clusteragent {

template <typename Tag, typename Number>
class Id {
 public:
  constexpr Id() = default;
  explicit constexpr Id(Number value) : value_{value} {}
  constexpr Number value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Number value_ = 0;
};

/// Position of a node in cluster.xml: 0 or 1 for the two data nodes of a module.
using NodeId = Id<struct NodeIdTag, std::uint8_t>;
/// Tenure of a primary. Grows by every take-over, is durable before it is used and is never reused. The lowest bit is
/// the NodeId of the node that took it, so two nodes that cannot hear each other never take the same one.
using Epoch = Id<struct EpochTag, std::uint64_t>;
/// Change of the sync set within an epoch.
using Revision = Id<struct RevisionTag, std::uint64_t>;
/// One life of an agent process: random, new at every start. Tells a restarted peer from a delayed frame.
using Incarnation = Id<struct IncarnationTag, std::uint64_t>;
/// Ties an action to its ActionFinished. Unique within one life of the agent.
using Token = Id<struct TokenTag, std::uint64_t>;
/// An operator's request as the control socket numbers it.
using RequestId = Id<struct RequestIdTag, std::uint64_t>;
/// Position of a heartbeat network in the module's configuration.
using PathId = Id<struct PathIdTag, std::uint8_t>;

}  // namespace clusteragent

template <typename Tag, typename Number>
struct std::hash<clusteragent::Id<Tag, Number>> {
  std::size_t operator()(clusteragent::Id<Tag, Number> id) const noexcept { return std::hash<Number>{}(id.value()); }
};
