#pragma once
// FilesyncProvider: the agent's side of file replication: starts the engine process, passes on what the core wants of
// it, and posts what it says. Implements core::ProviderPort.
//
// Ownership: the daemon owns it; the io_context must outlive it. Threads: the decision thread only; no method waits.
// Events come from the io_context, never from inside a method.
// Errors: an engine that dies fails what it owed an answer for, is started again, and the module with it
// (ProcessFailed, so within the module's restart budget); said again until the module lets go of its data.
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/data/engine_protocol.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::data {

class FilesyncProvider : public core::ProviderPort {
 public:
  /// `executable`: of this program, which is the engine's as well.
  static Result<std::unique_ptr<FilesyncProvider>> open(boost::asio::io_context& io, EngineOptions options,
                                                        std::string executable, core::EventSink sink);
  /// The engine sees it and ends.
  ~FilesyncProvider() override;

  void lead(const core::LeadData& wanted) override;
  void follow(const core::FollowData& wanted) override;
  void allow_solo(const core::AllowSolo& allowed) override;
  void release(const core::ReleaseData& wanted) override;

  /// The role is lost for good; the application still runs and is about to be stopped.
  void give_up();

  /// Asks for a verification; `answer` says whether it has begun, later and once.
  void verify(bool repairs, std::function<void(const Status&)> answer);

  /// For connections from now on.
  void set_keys(std::vector<EngineKey> keys);

  /// What the engine said last, for `status`.
  const Json& progress() const;
  int process() const;

 private:
  struct Impl;
  explicit FilesyncProvider(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace clusteragent::data
