// Who is asked when the nodes do not hear each other, where the configuration names somebody: a third voter (our own
// witness or etcd) or ping targets.
#include <fmt/format.h>

#include <random>

#include "agent/core/names.hpp"
#include "agent/daemon/agent.hpp"
#include "agent/platform/clock.hpp"
#include "agent/wire/keys.hpp"
#include "agent/witness/client.hpp"
#include "agent/witness/etcd_client.hpp"

namespace clusteragent::daemon {

using control::Json;

namespace {

constexpr std::chrono::seconds ping_gap_max{1};

std::uint64_t random_number() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

Status Agent::open_witness() {
  const config::SplitbrainConfig& configured = setup_.config.splitbrain;
  if (configured.witness) return open_own_witness(*configured.witness);
  if (configured.etcd) return open_etcd(*configured.etcd);
  if (configured.ping) return open_ping(*configured.ping);
  return success();
}

Status Agent::open_own_witness(const config::WitnessConfig& configured) {
  witness::ClientOptions options;
  options.address = configured.address.text();
  options.port = configured.port;
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

Status Agent::open_etcd(const config::EtcdConfig& configured) {
  witness::EtcdOptions options;
  for (const config::EtcdEndpoint& endpoint : configured.endpoints) {
    options.endpoints.push_back({endpoint.url, endpoint.address.text(), endpoint.port, endpoint.is_secure});
  }
  // Not by the cluster key: while it is being changed the two nodes would each have a register of their own.
  options.conversation.key = fmt::format("{}/{}", configured.prefix, setup_.module);
  options.conversation.self = setup_.self;
  options.conversation.lease = setup_.config.heart.timeout;
  options.ca_file = configured.ca_file;
  options.certificate_file = configured.certificate_file;
  options.key_file = configured.key_file;
  options.user_file = configured.user_file;
  auto opened =
      witness::EtcdClient::open(io_, std::move(options), [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  witness_ = std::move(*opened);
  return success();
}

Status Agent::open_ping(const config::PingConfig& configured) {
  std::vector<std::string> targets;
  for (const config::IpAddress& target : configured.targets) targets.push_back(target.text());
  auto opened = witness::PingClient::open(io_, targets, random_number(),
                                          [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  ping_ = std::move(*opened);
  warnings_.push_back(fmt::format(
      "<splitbrain ident=\"{}\" exec=\"ping\"> cannot promise that there are never two primaries: two nodes that both "
      "reach a target and not each other both serve; exec=\"witness\" and exec=\"etcd\" promise it",
      configured.ident));
  return success();
}

core::WitnessPort* Agent::witness_port() const {
  if (ping_) return ping_.get();
  return witness_.get();
}

void Agent::add_ping_status(Json& status, Instant now) const {
  if (!ping_) return;
  const config::PingConfig& configured = *setup_.config.splitbrain.ping;
  const witness::PingStatus ping = ping_->status(now);
  Json json{{"name", configured.ident},
            {"resource", "splitbrain." + configured.ident},
            {"asked", ping.asked},
            {"answered", ping.answered},
            {"answered_by", ping.answered_by},
            {"problem", ping.problem}};
  for (const config::IpAddress& target : configured.targets) json["targets"].push_back(target.text());
  if (ping.last_asked_age) json["asked_age_ms"] = to_milliseconds(*ping.last_asked_age);
  if (ping.last_answer_age) json["age_ms"] = to_milliseconds(*ping.last_answer_age);
  // Asked only while the peer is in doubt: before that nobody knows. A node that waits asks once a second.
  const Duration fresh = setup_.config.heart.timeout + ping_gap_max;
  const bool was_answered = ping.last_answer_age && *ping.last_answer_age < fresh;
  const bool was_asked = ping.last_asked_age && *ping.last_asked_age < fresh;
  json["value"] = was_answered ? "up" : was_asked ? "down" : "init";
  status["ping"] = std::move(json);
}

void Agent::add_witness_status(Json& status, const core::WitnessView& view, Instant now) const {
  if (!witness_) return;
  const config::SplitbrainConfig& configured = setup_.config.splitbrain;
  const witness::ClientStatus client = witness_->status(now);
  const std::string& name = configured.etcd ? configured.etcd->ident : configured.witness->ident;
  Json json{{"name", name},
            {"backend", configured.etcd ? "etcd" : "witness"},
            {"address", client.endpoint},
            {"answers", view.heard_at.has_value() && !view.is_silent},
            {"asked", client.asked},
            {"answered", client.answered},
            {"problem", client.problem}};
  if (configured.witness) json["port"] = configured.witness->port;
  if (view.heard_at) {
    json["age_ms"] = to_milliseconds(now - *view.heard_at);
    json["round_trip_us"] = client.round_trip.count() / 1000;
    json["granted"] = view.answer.is_granted;
    json["says"] = describe(view.answer.refusal);
  }
  if (view.promised_until) json["promise_left_ms"] = to_milliseconds(*view.promised_until - now);
  if (view.peer_promised_until) json["peer_promise_left_ms"] = to_milliseconds(*view.peer_promised_until - now);
  const std::string because = client.problem.empty() ? "" : fmt::format(" ({})", client.problem);
  if (view.is_silent) {
    status["warnings"].push_back(
        fmt::format("the witness {} ({}) does not answer{}: while that is so, the death of one node stops the service",
                    name, client.endpoint, because));
  } else if (view.heard_at && view.answer.refusal == core::Refusal::not_stored && !client.problem.empty()) {
    status["warnings"].push_back(fmt::format(
        "the witness {} gives no vote{}: while that is so, the death of one node stops the service", name, because));
  }
  status["witness"] = std::move(json);
}

}  // namespace clusteragent::daemon
