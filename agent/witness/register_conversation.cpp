#include "agent/witness/register_conversation.hpp"

#include <algorithm>
#include <utility>

namespace clusteragent::witness {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A promise is known to be over this much later than it could be: that is what a take-over pays.
Duration look_gap(Duration lease) {
  return std::clamp<Duration>(lease / 8, milliseconds{10}, seconds{1});
}

// A module that was stopped asks nothing more, and then nothing needs to be known.
Duration looks_for(Duration lease) {
  return 3 * std::max<Duration>(lease, seconds{1});
}

std::optional<RegisterRequest> request_of(const RegisterStep& step) {
  if (std::holds_alternative<Read>(step)) return Read{};
  if (const auto* swap = std::get_if<Swap>(&step)) return *swap;
  return std::nullopt;
}

}  // namespace

RegisterConversation::RegisterConversation(Options options) : options_{std::move(options)}, voter_{options_.key} {}

void RegisterConversation::ask(Instant now, const core::AskWitness& question) {
  waiting_ = Asked{question, now};
  waiting_->question.request.from = options_.self;
  // The first look falls due with the first question.
  if (!asked_at_) look_at_ = now;
  asked_at_ = now;
}

std::optional<Instant> RegisterConversation::next_look_at() const {
  const bool is_wanted = asked_at_ && look_at_ < *asked_at_ + looks_for(options_.lease);
  if (is_under_way_ || !is_wanted || voter_.is_promised_to(options_.self)) return std::nullopt;
  return look_at_;
}

std::optional<RegisterRequest> RegisterConversation::due(Instant now) {
  if (is_under_way_) return std::nullopt;
  std::optional<RegisterRequest> request = std::exchange(next_, std::nullopt);
  // An answer is counted from the question; by now it would be worth nothing.
  if (waiting_ && now - waiting_->at >= options_.lease) waiting_.reset();
  if (!request && waiting_) {
    current_ = std::exchange(waiting_, std::nullopt);
    request = request_of(voter_.begin(now, current_->question.request));
  }
  const auto look_at = next_look_at();
  if (!request && look_at && now >= *look_at) request = Read{};
  is_under_way_ = request.has_value();
  return request;
}

std::optional<core::WitnessAnswered> RegisterConversation::on_response(Instant now, const Response& response) {
  is_under_way_ = false;
  look_at_ = now + look_gap(options_.lease);
  if (!current_) {
    voter_.observe(now, response.reading);
    return std::nullopt;
  }
  const Reading& reading = response.reading;
  const RegisterStep step = response.has_swapped ? voter_.on_swapped(now, reading.cluster_id, reading.revision)
                                                 : voter_.on_read(now, reading);
  next_ = request_of(step);
  if (next_) return std::nullopt;
  const std::uint64_t number = std::exchange(current_, std::nullopt)->question.ask;
  if (const auto* answer = std::get_if<core::WitnessAnswer>(&step)) return core::WitnessAnswered{number, *answer};
  return std::nullopt;
}

void RegisterConversation::on_failure(Instant now) {
  is_under_way_ = false;
  look_at_ = now + look_gap(options_.lease);
  next_.reset();
  voter_.abandon();
  // Another way to the register may do better, as long as nothing newer is asked.
  if (current_ && !waiting_) waiting_ = current_;
  current_.reset();
}

}  // namespace clusteragent::witness
