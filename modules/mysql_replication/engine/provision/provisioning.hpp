#pragma once
// Provisioning: the standby's side of a copy. Gets it from the primary into a folder inside the data directory, by the
// best method that both nodes have, while this node's own server goes on; and, when it is told to, stops the server,
// exchanges the data and starts it again. A copy that is cut off is begun anew. A thread of its own; the methods are
// for one caller.
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "modules/mysql_replication/engine/options.hpp"
#include "modules/mysql_replication/engine/plan/provision.hpp"
#include "modules/mysql_replication/engine/provision/copy_stream.hpp"
#include "modules/mysql_replication/engine/provision/data_directory.hpp"
#include "modules/mysql_replication/engine/server/accounts.hpp"

namespace clusteragent::mysql {

enum class CopyPhase {
  none,
  copying,
  preparing,
  ready,       // waits for exchange() or cancel()
  exchanging,  // the server is stopped, and comes with the new data
  done,
  failed,
};
const char* text_of(CopyPhase phase);

class Provisioning {
 public:
  struct State {
    CopyPhase phase = CopyPhase::none;
    std::string method;  // text_of(CopyMethod), once it is known
    std::uint64_t bytes = 0;
    std::uint64_t bytes_total = 0;  // about
    std::string problem;
  };

  Provisioning(const Options& options, const Accounts& accounts);
  ~Provisioning();
  Provisioning(const Provisioning&) = delete;
  Provisioning& operator=(const Provisioning&) = delete;

  const DataDirectory& data() const { return data_; }
  State state() const;
  bool is_under_way() const;
  /// Not while one is under way.
  void begin();
  /// At the start of the engine: goes on with an exchange that was interrupted, and removes a copy that was not.
  void tidy();
  /// The new data are verified: those of before go.
  void forget_former();
  /// When it is ready.
  void exchange();
  /// Before the exchange; afterwards it runs to its end, because in between there is no server to be had.
  void cancel();
  void set_keys(std::vector<filesync::SharedKey> keys);

  /// Among the data: they are a copy whose position the server does not know yet.
  std::optional<CopyPosition> unadopted() const;
  Status adopted() const;

 private:
  void start(CopyPhase phase, std::function<Status()> work);
  Status run();
  Status copy();
  /// By mariadb-backup; the position, or why there is none.
  Result<std::string> unpack(CopyStream& stream, const std::function<void(std::uint64_t, std::uint64_t)>& progress);
  Status note_position(const CopyHead& head, const std::string& position);
  Status put_in_place();
  Status run_command(const std::string& command, const std::string& name);
  void enter(CopyPhase phase);
  std::vector<filesync::SharedKey> keys() const;
  bool wait_for_order();

  const Options options_;
  const Accounts accounts_;
  const DataDirectory data_;
  mutable std::mutex mutex_;
  std::vector<filesync::SharedKey> keys_;
  State state_;
  std::atomic<bool> is_cancelled_ = false;
  std::atomic<bool> may_exchange_ = false;
  std::atomic<bool> is_ended_ = true;
  const std::atomic<bool> never_ = false;
  std::thread thread_;
};

}  // namespace clusteragent::mysql
