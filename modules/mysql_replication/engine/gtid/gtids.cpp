#include "modules/mysql_replication/engine/gtid/gtids.hpp"

namespace clusteragent::mysql {

Result<Gtids> Gtids::parse(Family family, std::string_view text) {
  if (family == Family::mariadb) {
    auto state = GtidState::parse(text);
    return state ? Result<Gtids>{Gtids{std::move(*state)}} : Result<Gtids>{state.error()};
  }
  auto set = GtidSet::parse(text);
  return set ? Result<Gtids>{Gtids{std::move(*set)}} : Result<Gtids>{set.error()};
}

bool Gtids::is_empty() const {
  return std::visit([](const auto& one) { return one.is_empty(); }, content_);
}

std::string Gtids::text() const {
  return std::visit([](const auto& one) { return one.text(); }, content_);
}

bool Gtids::reaches(const Gtids& other) const {
  if (other.is_empty()) return true;
  if (content_.index() != other.content_.index()) return false;
  if (const auto* state = std::get_if<GtidState>(&content_)) return state->reaches(std::get<GtidState>(other.content_));
  return std::get<GtidSet>(content_).contains(std::get<GtidSet>(other.content_));
}

Gtids Gtids::beyond(const Gtids& other) const {
  if (content_.index() != other.content_.index()) return *this;
  if (const auto* state = std::get_if<GtidState>(&content_)) return state->beyond(std::get<GtidState>(other.content_));
  return std::get<GtidSet>(content_).minus(std::get<GtidSet>(other.content_));
}

std::uint64_t Gtids::count_beyond(const Gtids& other) const {
  if (const auto* state = std::get_if<GtidState>(&content_)) {
    const auto* theirs = std::get_if<GtidState>(&other.content_);
    return state->count_beyond(theirs == nullptr ? GtidState{} : *theirs);
  }
  const auto* theirs = std::get_if<GtidSet>(&other.content_);
  return std::get<GtidSet>(content_).minus(theirs == nullptr ? GtidSet{} : *theirs).count();
}

Gtids Gtids::common_position(const Gtids& other) const {
  const auto* own = std::get_if<GtidState>(&content_);
  const auto* theirs = std::get_if<GtidState>(&other.content_);
  return own == nullptr || theirs == nullptr ? Gtids{} : Gtids{own->common_position(*theirs)};
}

Gtids Gtids::joined(const Gtids& other) const {
  if (content_.index() != other.content_.index()) return is_empty() ? other : *this;
  if (const auto* state = std::get_if<GtidState>(&content_)) return state->joined(std::get<GtidState>(other.content_));
  return std::get<GtidSet>(content_).joined(std::get<GtidSet>(other.content_));
}

}  // namespace clusteragent::mysql
