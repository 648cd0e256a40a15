#include "agent/core/divergence.hpp"

#include "agent/core/machine.hpp"

namespace clusteragent::core {

void mark_divergence(Machine& m) {
  // With a witness the address was mute and no other node a primary before this one had lost its promises.
  if (m.policy.has_witness) return;
  // Elected, and had not begun to serve.
  if (!m.holds_vip && !m.runs_service) return;
  m.desired.diverged_epoch = m.tenure.epoch;
  request_persist(m);
  const std::string& peer = m.policy.node_names[m.policy.peer().value()];
  const char* fate = m.policy.mirrors_data
                         ? "; the copy from that node overwrites it and keeps it aside: clusteragent salvage list"
                         : "; nothing merges it and nothing overwrites it";
  note(m, Severity::critical,
       "diverged: what this node's application wrote under epoch " + std::to_string(m.tenure.epoch.value()) +
           " since " + peer + " took over is on this node alone" + fate +
           ". Compare and save what is needed, then clusteragent acknowledge");
}

void acknowledge_divergence(Machine& m, const OperatorRequest& request) {
  note(m, Severity::user, m.detail);
  const Epoch marked = m.desired.diverged_epoch;
  if (marked == Epoch{}) {
    return emit(m, Reply{request.request, true, "this node has not diverged: there is nothing to acknowledge"});
  }
  m.desired.diverged_epoch = Epoch{};
  request_persist(m);
  emit(m, Reply{request.request, true,
                "acknowledged: what was written under epoch " + std::to_string(marked.value()) +
                    " beside a newer primary is dealt with"});
}

}  // namespace clusteragent::core
