#include "tests/simulation/disk.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace clusteragent::simulation {

void Disk::write(const core::DurableState& state, Done done) {
  const TrueTime begins = std::max({queue_.now(), free_at_, hang_until_});
  const TrueTime durable_at = begins + prng_.within(write_);
  // A crash between the rename and its acknowledgement leaves new content that nobody was told about.
  const TrueTime told_at = durable_at + prng_.within(write_) / 4;
  free_at_ = durable_at;
  in_flight_++;
  const std::uint64_t life = life_;
  const auto outcome = std::make_shared<core::Outcome>(core::Outcome::success);
  queue_.at(durable_at, [this, life, state, outcome] {
    if (life != life_) {
      return;
    }
    if (is_full_) {
      *outcome = core::Outcome::failure;
    } else {
      durable_ = state;
    }
  });
  queue_.at(is_early_ ? queue_.now() : told_at, [this, life, outcome, done = std::move(done)] {
    in_flight_--;
    if (life == life_) {
      done(*outcome);
    }
  });
}

}  // namespace clusteragent::simulation
