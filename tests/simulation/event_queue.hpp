#pragma once
// What is going to happen, ordered by (true time, sequence). The sequence breaks ties, so that two things planned for
// the same instant happen in the order in which they were planned, in every run. Single-threaded.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "agent/base/assert.hpp"
#include "agent/base/time.hpp"

namespace clusteragent::simulation {

/// Time of the simulated world since its beginning. Nobody inside the world can read it: hosts see their ClockModel.
using TrueTime = Duration;

class EventQueue {
 public:
  using Work = std::function<void()>;

  /// Two nodes keep a few hundred things in flight; far more means that something plans without end.
  static constexpr std::size_t entries_max = 100'000;

  TrueTime now() const { return now_; }
  bool is_empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  TrueTime next_time() const { return entries_.front().at; }

  void at(TrueTime when, Work work) {
    CLUSTERAGENT_ASSERT(entries_.size() < entries_max);
    entries_.push_back(Entry{std::max(when, now_), sequence_++, std::move(work)});
    std::push_heap(entries_.begin(), entries_.end(), happens_later);
  }
  void after(Duration delay, Work work) { at(now_ + delay, std::move(work)); }

  void run_next() {
    CLUSTERAGENT_ASSERT(!entries_.empty());
    std::pop_heap(entries_.begin(), entries_.end(), happens_later);
    const Entry entry = std::move(entries_.back());
    entries_.pop_back();
    now_ = entry.at;
    entry.work();
  }
  /// Nothing is planned before `when`; the world simply gets older.
  void skip_to(TrueTime when) {
    CLUSTERAGENT_ASSERT(entries_.empty() || entries_.front().at >= when);
    now_ = std::max(now_, when);
  }

 private:
  struct Entry {
    TrueTime at{};
    std::uint64_t sequence = 0;
    Work work;
  };
  static bool happens_later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }

  std::vector<Entry> entries_;
  TrueTime now_{};
  std::uint64_t sequence_ = 0;
};

}  // namespace clusteragent::simulation
