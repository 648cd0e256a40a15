// The third voter, where the configuration names one.
#include "agent/core/names.hpp"
#include "agent/daemon/agent.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::daemon {

using control::Json;

Status Agent::open_witness() {
  if (!setup_.config.witness) return success();
  witness::ClientOptions options;
  options.address = setup_.config.witness->address.text();
  options.port = setup_.config.witness->port;
  options.cluster_key = keys_->accepted().front();
  options.module = setup_.module;
  options.self = setup_.self;
  options.incarnation = setup_.incarnation;
  auto opened =
      witness::WitnessClient::open(io_, std::move(options), [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  witness_ = std::move(*opened);
  witness_->set_keys(keys_->accepted());
  return success();
}

void Agent::add_witness_status(Json& status, const core::WitnessView& view, Instant now) const {
  if (!witness_) return;
  const config::WitnessConfig& configured = *setup_.config.witness;
  const witness::ClientStatus client = witness_->status(now);
  Json json{{"name", configured.ident}, {"address", configured.address.text()},
            {"port", configured.port},  {"answers", view.heard_at.has_value() && !view.is_silent},
            {"asked", client.asked},    {"answered", client.answered},
            {"problem", client.problem}};
  if (view.heard_at) {
    json["age_ms"] = to_milliseconds(now - *view.heard_at);
    json["round_trip_us"] = client.round_trip.count() / 1000;
    json["granted"] = view.answer.is_granted;
    json["says"] = describe(view.answer.refusal);
  }
  if (view.promised_until) json["promise_left_ms"] = to_milliseconds(*view.promised_until - now);
  if (view.peer_promised_until) json["peer_promise_left_ms"] = to_milliseconds(*view.peer_promised_until - now);
  if (view.is_silent) {
    status["warnings"].push_back("the witness " + configured.ident + " (" + configured.address.text() +
                                 ") does not answer: while that is so, the death of one node stops the service");
  }
  status["witness"] = std::move(json);
}

}  // namespace clusteragent::daemon
