#include "agent/watch/scanner.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "agent/base/assert.hpp"

namespace clusteragent::watch {
namespace {

constexpr std::chrono::seconds farewell_max{1};

void look_at(ProcProcess& process, const std::vector<Matcher>& matchers, Findings& findings) {
  for (std::size_t i = 0; i < findings.look.rules.size(); ++i) {
    if (!matchers[findings.look.rules[i]].matches(process)) continue;
    const ProcessStat& stat = process.stat();
    if (findings.found[i].size() == tracked_max) {
      ++findings.beyond[i];
      continue;
    }
    PidFd pidfd = open_pidfd(stat.pid);
    // Between the look and the pidfd the number may have gone to another process.
    const auto again = read_stat(stat.pid);
    if (!pidfd || !again || again->start_time != stat.start_time || !again->is_running()) continue;
    findings.found[i].push_back(
        FoundProcess{stat.pid, stat.start_time, {stat.parent, cgroup_directory(stat.pid)}, std::move(pidfd)});
  }
}

Findings take_look(Look look, const std::vector<Matcher>& matchers) {
  Findings findings;
  findings.found.resize(look.rules.size());
  findings.beyond.resize(look.rules.size());
  const std::vector<int> pids = look.near ? neighbours(look.near->parent, look.near->cgroup) : all_pids();
  findings.look = std::move(look);
  const std::set<int> distinct{pids.begin(), pids.end()};
  const int self = ::getpid();
  for (const int pid : distinct) {
    if (pid == self) continue;
    auto stat = read_stat(pid);
    if (!stat || !stat->is_running()) continue;
    ProcProcess process{std::move(*stat)};
    look_at(process, matchers, findings);
  }
  return findings;
}

}  // namespace

struct Scanner::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  boost::asio::io_context* context = nullptr;  // null once the scanner is gone
  std::vector<Matcher> matchers;
  std::function<void(Findings)> sink;  // called on the decision thread, while the scanner is there
  std::optional<Look> next;
  bool has_left = false;
};

Scanner::Scanner(boost::asio::io_context& context, std::vector<Matcher> matchers, Sink sink)
    : shared_{std::make_shared<Shared>()} {
  shared_->context = &context;
  shared_->matchers = std::move(matchers);
  shared_->sink = [this, sink = std::move(sink)](Findings findings) {
    is_busy_ = false;
    sink(std::move(findings));
  };
  std::thread{[shared = shared_] { serve(shared); }}.detach();
}

Scanner::~Scanner() {
  std::unique_lock lock{shared_->mutex};
  shared_->context = nullptr;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, farewell_max, [this] { return shared_->has_left; });
}

void Scanner::start(Look look) {
  CLUSTERAGENT_ASSERT(!is_busy_);
  is_busy_ = true;
  const std::scoped_lock lock{shared_->mutex};
  shared_->next = std::move(look);
  shared_->changed.notify_all();
}

void Scanner::serve(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock{shared->mutex};
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->context == nullptr || shared->next; });
    if (shared->context == nullptr) break;
    Look look = std::move(*shared->next);
    shared->next.reset();
    lock.unlock();
    auto findings = std::make_shared<Findings>(take_look(std::move(look), shared->matchers));
    lock.lock();
    if (shared->context == nullptr) break;
    boost::asio::post(*shared->context, [shared, findings] {
      {
        const std::scoped_lock again{shared->mutex};
        if (shared->context == nullptr) return;
      }
      shared->sink(std::move(*findings));
    });
  }
  shared->has_left = true;
  shared->changed.notify_all();
}

}  // namespace clusteragent::watch
