#pragma once
// EngineProvider: the agent's side of what mirrors the data: starts the engine process, passes on what the core wants
// of it, and posts what it says. Which engine it is, EngineProgram says. Implements core::ProviderPort.
//
// Ownership: the daemon owns it; the io_context must outlive it. Threads: the decision thread only; no method waits.
// Events come from the io_context, never from inside a method.
// Errors: an engine that dies fails what it owed an answer for, is started again, and the module with it
// (ProcessFailed, so within the module's restart budget); said again until the module lets go of its data. Where the
// next engine takes its place while the application goes on (Succession), the core hears that the other node is behind,
// and no more.
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/data/engine_program.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::data {

class EngineProvider : public core::ProviderPort {
 public:
  static Result<std::unique_ptr<EngineProvider>> open(boost::asio::io_context& io, EngineProgram program,
                                                      core::EventSink sink);
  /// The engine sees it and ends.
  ~EngineProvider() override;

  void lead(const core::LeadData& wanted) override;
  void follow(const core::FollowData& wanted) override;
  void allow_solo(const core::AllowSolo& allowed) override;
  void release(const core::ReleaseData& wanted) override;

  /// The role is lost for good; the application still runs and is about to be stopped.
  void give_up();

  /// Asks for a verification (file replication); `answer` says whether it has begun, later and once.
  void verify(bool repairs, std::function<void(const Status&)> answer);

  /// What the engine has an alarm for, as it said it: raised (or cleared), id, text. Called on the decision thread.
  void on_alarm(std::function<void(const Json&)> handler);

  /// For connections from now on; both engines have them.
  void set_keys(const std::vector<EngineKey>& keys);

  /// What the engine said last, for `status`.
  const Json& progress() const;
  int process() const;

 private:
  struct Impl;
  explicit EngineProvider(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace clusteragent::data
