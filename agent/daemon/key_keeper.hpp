#pragma once
// KeyKeeper: the cluster keys of a running agent: reads them again when it is told to, drops the previous one when its
// time is over, and says which are in use.
//
// Ownership: the agent's; the io_context outlives it. Threads: the decision thread; the files are read on another one.
// Errors: a file that is not in order leaves the keys as they are, all of them; at start it leaves out that one alone,
// because a service that does not start with its machine is worse.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/control/status.hpp"
#include "agent/hooks/task_pool.hpp"
#include "agent/platform/asio.hpp"
#include "agent/transport/key_rotation.hpp"

namespace clusteragent::daemon {

class KeyKeeper {
 public:
  /// `on_change`: the keys that are accepted from now on, the one to sign with first.
  KeyKeeper(boost::asio::io_context& io, std::string file, transport::LoadedKeys loaded,
            std::function<void(const std::vector<wire::Key>&)> on_change);

  const std::vector<wire::Key>& accepted() const { return accepted_; }
  /// `done` comes later, with what is accepted now or why nothing has changed.
  void reload(std::function<void(const Result<std::string>&)> done);
  /// To be called now and then: it is what ends the previous key.
  void expire();

  /// Section "keys" of the status, without what the peer does.
  control::Json status() const;
  /// "the previous key": for messages. `place`: in accepted().
  const char* role_of(std::size_t place) const;
  /// What `peer_key` (a place in accepted(); nullopt: unknown) and the files ask the operator to do.
  std::vector<std::string> warnings(std::optional<std::size_t> peer_key) const;

 private:
  void take(const Result<transport::LoadedKeys>& loaded, const std::function<void(const Result<std::string>&)>& done);
  void apply();
  std::string describe() const;

  std::string file_;
  wire::KeyRing ring_;
  std::vector<std::string> problems_;
  std::vector<wire::Key> accepted_;
  std::function<void(const std::vector<wire::Key>&)> on_change_;
  hooks::TaskPool reader_;
};

}  // namespace clusteragent::daemon
