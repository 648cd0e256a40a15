// The replica's side: does what the stream says, in its order and late, and is judged after each operation.
#include <utility>

#include "tests/simulation/mirror.hpp"
#include "tests/simulation/world.hpp"

namespace clusteragent::simulation {
namespace {

using filesync::Duty;
using filesync::Op;

constexpr Span wire{microseconds{50}, microseconds{300}};

bool waits_for_disk(Op op) {
  return op == Op::sync || op == Op::copy_end || op == Op::manifest_begin;
}

}  // namespace

bool Mirror::accepts(Epoch epoch) const {
  return role_ == Role::secondary && connection_ == 0 && received_.empty() && epoch_ <= epoch;
}

void Mirror::accept(std::uint64_t connection) {
  connection_ = connection;
  silent_since_.reset();
  intake_ = filesync::Intake{};
  has_failed_ = false;
  answers_.clear();
}

void Mirror::look_as_secondary() {
  if (connection_ == 0) {
    return;
  }
  const bool is_closed = is_reachable() && other().connection_ != connection_;
  if (is_closed || is_silent_too_long()) {
    replica_lost();
    return;
  }
  plan_answers();
}

void Mirror::replica_lost() {
  connection_ = 0;
  answers_.clear();
}

void Mirror::plan_apply() {
  if (is_applying_ || received_.empty()) {
    return;
  }
  is_applying_ = true;
  const DataSetup& data = world_.setup().data;
  later(prng_.within(waits_for_disk(received_.front().op) ? data.sync : data.apply), [this] {
    is_applying_ = false;
    apply_some();
  });
}

void Mirror::apply_some() {
  // Anything can happen between two operations, so not all of them at once.
  const std::uint64_t most = 1 + prng_.below(received_.size());
  for (std::uint64_t done = 0; done < most && !received_.empty(); done++) {
    if (done > 0 && waits_for_disk(received_.front().op)) break;
    apply_front();
  }
  answer({.op = Op::ack, .sequence = intake_.applied()});
  plan_apply();
}

void Mirror::apply_front() {
  const Frame frame = std::move(received_.front());
  received_.pop_front();
  if (has_failed_ || world_.violation()) {
    return;
  }
  const std::string problem = apply(frame);
  if (!problem.empty()) {
    has_failed_ = true;
    answer({.op = Op::failure});
  }
}

std::string Mirror::apply(const Frame& frame) {
  const Duty duty = intake_.duty_of(frame.op, frame.sequence);
  switch (duty) {
    case Duty::refuse:
      world_.fail("stream", "the replica got an operation out of turn");
      return "out of turn";
    case Duty::begin_copy:
      is_marked_ = world_.variant() != Variant::mark_forgotten;
      is_incomplete_ = true;
      break;
    case Duty::end_copy:
      end_incomplete(frame);
      break;
    case Duty::apply:
      if (is_full_ && (frame.op == Op::write || frame.op == Op::create)) {
        tell(DataFact::replica_full);
        return "no space left on device";
      }
      if (frame.op == Op::manifest_end) {
        disk_.make_equal(frame.state);
      } else if (frame.op == Op::hashes) {
        compare(frame);
      } else if (frame.op == Op::sync) {
        frame.file != 0 ? disk_.sync_file(frame.file) : disk_.sync_names();
      } else {
        disk_.apply(frame.change);
      }
      break;
  }
  intake_.done(frame.op);
  if (!is_incomplete_ && !(disk_.tree() == frame.state)) {
    world_.fail("prefix", fmt::format("after operation {} the data of {} is no state that the primary had",
                                      frame.sequence.value(), letter_of(self_)));
  }
  return {};
}

void Mirror::end_incomplete(const Frame& frame) {
  disk_.sync_all();
  written_back_at_ = world_.now();
  is_marked_ = false;
  is_incomplete_ = false;
  answer({.op = Op::copied, .sequence = frame.sequence});
}

void Mirror::compare(const Frame& frame) {
  Answer differing{.op = Op::differs, .file = frame.file};
  const Entry* entry = disk_.tree().find(frame.file);
  for (std::size_t block = 0; entry != nullptr && block < file_blocks; block++) {
    differing.differs[block] = entry->blocks[block] != frame.blocks[block];
  }
  answer(differing);
}

void Mirror::answer(Answer answer) {
  if (connection_ != 0) {
    answers_.push_back(answer);
    plan_answers();
  }
}

void Mirror::plan_answers() {
  if (!is_answer_planned_ && !answers_.empty() && is_reachable()) {
    is_answer_planned_ = true;
    later(prng_.within(wire), [this] {
      is_answer_planned_ = false;
      deliver_answers();
    });
  }
}

void Mirror::deliver_answers() {
  if (connection_ == 0 || !is_reachable() || other().connection_ != connection_) {
    return;
  }
  for (const Answer& answer : std::exchange(answers_, {})) {
    if (other().connection_ != connection_) break;
    other().take(answer);
  }
}

}  // namespace clusteragent::simulation
