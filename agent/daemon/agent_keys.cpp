// The cluster keys of a running agent: who has to know when they change.
#include "agent/daemon/agent.hpp"

namespace clusteragent::daemon {

using control::Json;

void Agent::open_keys() {
  keys_ = std::make_unique<KeyKeeper>(io_, setup_.paths.key_file(), std::move(setup_.keys),
                                      [this](const std::vector<wire::Key>& accepted) { use_keys(accepted); });
}

void Agent::reload_keys() {
  keys_->reload([](const Result<std::string>&) {});
}

void Agent::use_keys(const std::vector<wire::Key>& accepted) {
  transport_->set_keys(accepted);
  if (witness_) witness_->set_keys(accepted);
  if (data_) data_->set_keys(data_keys());
  // What the guard would send for this node is signed in advance: with the former key the peer might not believe it.
  released_epoch_ = Epoch{};
  if (!driver_) return;
  tell_guard(driver_->view());
  // Whoever changes the key goes on when the other node has seen what is accepted here.
  transport_->send_report(own_status().dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Agent::add_key_status(Json& status) const {
  const auto peer_key = transport_->peer_key();
  status["keys"] = keys_->status();
  status["keys"]["peer_signs_with"] = nullptr;
  if (peer_key) status["keys"]["peer_signs_with"] = wire::key_id_text(keys_->accepted().at(*peer_key));
  for (std::string& warning : keys_->warnings(peer_key)) status["warnings"].push_back(std::move(warning));
}

}  // namespace clusteragent::daemon
