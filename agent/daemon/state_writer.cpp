#include "agent/daemon/state_writer.hpp"

#include <utility>

#include "agent/base/assert.hpp"
#include "agent/daemon/state_file.hpp"

namespace clusteragent::daemon {

StateWriter::StateWriter(boost::asio::io_context& loop, std::string path, core::EventSink sink)
    : loop_{loop}, path_{std::move(path)}, sink_{std::move(sink)}, thread_{[this] { run(); }} {}

StateWriter::~StateWriter() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StateWriter::persist(const core::PersistState& write) {
  {
    const std::lock_guard lock{mutex_};
    CLUSTERAGENT_ASSERT(!waiting_);
    waiting_ = write;
  }
  wake_.notify_one();
}

void StateWriter::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return ends_ || waiting_; });
    if (!waiting_) return;
    const core::PersistState write = *std::exchange(waiting_, std::nullopt);
    lock.unlock();
    const Status saved = save_state(path_, write.state);
    core::ActionFinished finished{write.token, core::Outcome::success, {}};
    if (!saved) finished = {write.token, core::Outcome::failure, saved.error().message};
    boost::asio::post(loop_, [this, finished] { sink_(finished); });
    lock.lock();
  }
}

}  // namespace clusteragent::daemon
