#pragma once
// FurtherReplicas: all servers of the list, and what is told about them. Belongs to the worker's thread.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "modules/mysql_replication/engine/monitor/alarms.hpp"
#include "modules/mysql_replication/engine/plan/retention.hpp"
#include "modules/mysql_replication/engine/replicas/further_replica.hpp"

namespace clusteragent::mysql {

class FurtherReplicas {
 public:
  /// `ask_primary` and `note` are called in other threads; `looks` must outlive this.
  FurtherReplicas(const Options& options, const Accounts& accounts, LookCounter& looks,
                  std::function<void()> ask_primary, std::function<void(char, const std::string&)> note);
  ~FurtherReplicas();
  FurtherReplicas(const FurtherReplicas&) = delete;
  FurtherReplicas& operator=(const FurtherReplicas&) = delete;

  /// They end while the caller does something else; the destructor waits for them.
  void end();
  /// After each look of a primary that is settled.
  void lead(const View& primary, const View& other);
  void rest();
  /// A look at the primary is to find out what its log no longer has.
  bool want_purged() const;

  /// An array, for `status`; empty while this node does not lead, or where the list is.
  Json progress() const;
  /// What is wrong with each, for the alarms.
  std::vector<Cause> causes() const;
  /// Those that may still need this server's binary logs; empty while this node does not lead.
  std::vector<LogReader> log_readers(std::chrono::steady_clock::time_point now);

 private:
  std::set<std::uint32_t> siblings_of(const FurtherReplica& one) const;

  bool is_leading_ = false;
  LookNumber told_ = 0;
  std::optional<std::uint32_t> other_id_;
  std::vector<std::unique_ptr<FurtherReplica>> all_;
  struct Seen {
    std::optional<Gtids> has;  // applied, when it was reached last
    std::optional<std::chrono::steady_clock::time_point> attached;
  };
  std::map<const FurtherReplica*, Seen> seen_;
};

}  // namespace clusteragent::mysql
