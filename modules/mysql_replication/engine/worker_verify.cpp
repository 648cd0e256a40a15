// The comparison of both servers' tables: when it may run.
#include "modules/mysql_replication/engine/worker.hpp"

namespace clusteragent::mysql {

std::string Worker::verify_obstacle() const {
  if (role_ != Role::primary || owed_) return "this node does not lead: ask the primary";
  if (!protection_ || protection_->mode() != Mode::both) return "the standby is not up to date";
  return {};
}

void Worker::verify(const Json& command) {
  const auto finish = [&](bool is_ok, const std::string& detail) {
    tell_({{"is", "finished"}, {"token", command.at("token")}, {"ok", is_ok}, {"detail", detail}});
  };
  if (command.value("repair", false))
    return finish(false, "tables are compared and not repaired: a standby that differs has to be provisioned anew");
  const std::string obstacle = verify_obstacle();
  if (!obstacle.empty()) return finish(false, obstacle);
  verifier_->set_stop_reason({});
  const Status begun = verifier_->begin();
  finish(static_cast<bool>(begun), begun ? std::string{} : begun.error().message);
}

}  // namespace clusteragent::mysql
