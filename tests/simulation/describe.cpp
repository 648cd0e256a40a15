#include "tests/simulation/describe.hpp"

#include <fmt/format.h>

#include <initializer_list>

#include "agent/core/names.hpp"
#include "tests/simulation/trace.hpp"

namespace clusteragent::simulation {
namespace {

using core::name_of;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}
double ms(Instant instant) {
  return static_cast<double>(instant.nanoseconds()) / 1e6;
}

std::string_view name_of(core::Outcome outcome) {
  switch (outcome) {
    case core::Outcome::success:
      return "success";
    case core::Outcome::failure:
      return "failure";
    case core::Outcome::timed_out:
      return "timed_out";
  }
  return "?";
}

std::string describe_word(const core::LanWord& word) {
  return fmt::format("word {} heard {}{}{}{}", word.number % 100000, word.heard % 100000, word.asks ? " asks" : "",
                     word.holds_vip ? fmt::format(" holds epoch {}", word.epoch.value()) : "",
                     word.is_free ? " free" : "");
}

struct EventText {
  std::string operator()(const core::FrameReceived& e) const {
    return fmt::format("heard on path {}: {}", e.path.value(), describe(e.status));
  }
  std::string operator()(const core::PeerProcessGone& e) const {
    return fmt::format("peer process gone, path {}", e.path.value());
  }
  std::string operator()(const core::PeerGuardReleased& e) const {
    return fmt::format("peer's guard released epoch {}", e.epoch.value());
  }
  std::string operator()(const core::PeerIncompatible& e) const {
    return fmt::format("peer speaks versions {}..{}", e.version_min, e.version_max);
  }
  std::string operator()(const core::LinkChanged& e) const {
    return fmt::format("link of {} {}", e.interface, e.has_link ? "up" : "down");
  }
  std::string operator()(const core::VipConflict& e) const {
    return fmt::format("{} answers for {}", e.mac, e.address);
  }
  std::string operator()(const core::VipLost& e) const { return fmt::format("address {} vanished", e.address); }
  std::string operator()(const core::ProcessFailed& e) const {
    return fmt::format("process {} failed, action {}", e.process, name_of(e.action));
  }
  std::string operator()(const core::ActionFinished& e) const {
    return fmt::format("#{} finished: {} {}", e.token.value(), simulation::name_of(e.outcome), e.detail);
  }
  std::string operator()(const core::OperatorRequest& e) const {
    return fmt::format("operator {}{}{}", name_of(e.verb), e.force ? " --force" : "",
                       e.identity.empty() ? "" : " -i " + e.identity);
  }
  std::string operator()(const core::WitnessAnswered& e) const {
    return fmt::format("witness answers {}: {}, {}", e.ask,
                       e.answer.is_granted ? "granted" : describe(e.answer.refusal), describe(e.answer.record));
  }
  std::string operator()(const core::ProviderSynced& e) const {
    return fmt::format("provider: synced in epoch {}", e.epoch.value());
  }
  std::string operator()(const core::ProviderBehind& e) const {
    return fmt::format("provider: behind in epoch {}, {}", e.epoch.value(), e.reason);
  }
  std::string operator()(const core::LanWordHeard& e) const { return "heard on the LAN: " + describe_word(e.word); }
  std::string operator()(const core::ReplicaSeen& e) const {
    return fmt::format("replica: {}", !e.problem.empty() ? e.problem
                                      : e.lag            ? fmt::format("behind for {:.0f} ms", ms(*e.lag))
                                                         : "no lag known");
  }
  std::string operator()(const core::ReaderLost& e) const {
    return fmt::format("readers' address {} vanished", e.address);
  }
  std::string operator()(const core::DeadlineReached&) const { return "deadline"; }
};

struct ActionText {
  std::string operator()(const core::PersistState& a) const {
    const std::string proposal = a.state.proposal ? " proposes " + describe(*a.state.proposal) : "";
    return fmt::format("-> persist #{} {}{} wanted={} was_primary={} used={}", a.token.value(),
                       describe(a.state.record), proposal, a.state.is_wanted, a.state.was_primary,
                       a.state.restarts_used);
  }
  std::string operator()(const core::SendHeartbeat& a) const { return "-> send " + describe(a.status); }
  std::string operator()(const core::AcquireVip& a) const {
    return fmt::format("-> acquire VIP #{} epoch {}", a.token.value(), a.epoch.value());
  }
  std::string operator()(const core::ReleaseVip& a) const { return fmt::format("-> release VIP #{}", a.token.value()); }
  std::string operator()(const core::AnnounceVip&) const { return "-> announce VIP"; }
  std::string operator()(const core::SpeakOnLan& a) const { return "-> say on the LAN: " + describe_word(a.word); }
  std::string operator()(const core::SetPermit& a) const {
    return fmt::format("-> permit epoch {} until {:.3f}", a.epoch.value(), ms(a.until));
  }
  std::string operator()(const core::RevokePermit&) const { return "-> revoke permit"; }
  std::string operator()(const core::AcquireReader& a) const {
    return fmt::format("-> acquire the readers' address #{}", a.token.value());
  }
  std::string operator()(const core::ReleaseReader& a) const {
    return fmt::format("-> release the readers' address #{}", a.token.value());
  }
  std::string operator()(const core::SetReaderPermit& a) const {
    return fmt::format("-> permit readers until {:.3f}", ms(a.until));
  }
  std::string operator()(const core::RevokeReaderPermit&) const { return "-> revoke the readers' permit"; }
  std::string operator()(const core::RunScript& a) const {
    return fmt::format("-> run #{} {}{} {} {} {}", a.token.value(), name_of(a.script), a.force ? " force" : "",
                       name_of(a.from), name_of(a.to), a.action);
  }
  std::string operator()(const core::CancelScript& a) const { return fmt::format("-> cancel #{}", a.token.value()); }
  std::string operator()(const core::ArmWatch& a) const {
    return fmt::format("-> arm watch {}", name_of(a.watch_class));
  }
  std::string operator()(const core::DisarmWatch& a) const {
    return fmt::format("-> disarm watch {}", name_of(a.watch_class));
  }
  std::string operator()(const core::AskWitness& a) const {
    return fmt::format("-> ask witness {}: {} {}", a.ask, name_of(a.request.verb), describe(a.request.record));
  }
  std::string operator()(const core::LeadData& a) const {
    return fmt::format("-> lead data #{} epoch {}{}", a.token.value(), a.epoch.value(), a.is_solo ? " solo" : "");
  }
  std::string operator()(const core::FollowData& a) const {
    return fmt::format("-> follow data #{} epoch {}", a.token.value(), a.epoch.value());
  }
  std::string operator()(const core::AllowSolo& a) const {
    return fmt::format("-> allow solo epoch {}", a.epoch.value());
  }
  std::string operator()(const core::ReleaseData& a) const {
    return fmt::format("-> release data #{}", a.token.value());
  }
  std::string operator()(const core::HandOver& a) const {
    return fmt::format("-> hand over #{} {} until {:.3f}", a.token.value(), core::name_of(a.left.phase),
                       ms(a.left.until));
  }
  std::string operator()(const core::Reply& a) const {
    return fmt::format("-> reply {}: {}", a.is_accepted ? "accepted" : "refused", a.message);
  }
  std::string operator()(const core::Note& a) const {
    return fmt::format("-> note {} {}", static_cast<char>(a.severity), a.text);
  }
};

std::uint64_t mix(std::initializer_list<std::uint64_t> numbers) {
  std::uint64_t hash = 0x13198a2e03707344ULL;
  for (const std::uint64_t number : numbers) {
    hash = (hash ^ number) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 29U;
  }
  return hash;
}

std::uint64_t mix(const core::PeerStatus& s) {
  return mix({s.node.value(),
              s.incarnation.value(),
              s.beat,
              s.heard_incarnation.value(),
              s.heard_beat,
              static_cast<std::uint64_t>(s.heard_age.count()),
              static_cast<std::uint64_t>(s.state),
              static_cast<std::uint64_t>(s.activity),
              s.record.epoch.value(),
              s.record.revision.value(),
              s.record.sync_set.bits,
              s.holds_vip,
              s.runs_service,
              s.is_promotable,
              static_cast<std::uint64_t>(s.blocked),
              s.yields,
              s.is_probe,
              s.wish_id,
              s.granted_wish_id,
              s.holds_reader,
              s.is_reader_fit,
              s.grants_reader});
}

std::uint64_t mix(const core::LanWord& w) {
  return mix({w.number, w.heard, w.epoch.value(), w.asks, w.holds_vip, w.is_free});
}

struct ActionNumber {
  std::uint64_t operator()(const core::PersistState& a) const {
    return mix({a.token.value(), a.state.record.epoch.value(), a.state.record.revision.value(),
                a.state.record.sync_set.bits, a.state.is_wanted, a.state.was_primary, a.state.restarts_used});
  }
  std::uint64_t operator()(const core::SendHeartbeat& a) const { return mix(a.status); }
  std::uint64_t operator()(const core::AcquireVip& a) const { return mix({a.token.value(), a.epoch.value()}); }
  std::uint64_t operator()(const core::ReleaseVip& a) const { return mix({a.token.value()}); }
  std::uint64_t operator()(const core::AnnounceVip&) const { return 1; }
  std::uint64_t operator()(const core::SpeakOnLan& a) const { return mix(a.word); }
  std::uint64_t operator()(const core::SetPermit& a) const {
    return mix({a.epoch.value(), static_cast<std::uint64_t>(a.until.nanoseconds())});
  }
  std::uint64_t operator()(const core::RevokePermit&) const { return 2; }
  std::uint64_t operator()(const core::AcquireReader& a) const { return mix({a.token.value()}); }
  std::uint64_t operator()(const core::ReleaseReader& a) const { return mix({a.token.value()}); }
  std::uint64_t operator()(const core::SetReaderPermit& a) const {
    return static_cast<std::uint64_t>(a.until.nanoseconds());
  }
  std::uint64_t operator()(const core::RevokeReaderPermit&) const { return 3; }
  std::uint64_t operator()(const core::RunScript& a) const {
    return mix({a.token.value(), static_cast<std::uint64_t>(a.script), a.force, static_cast<std::uint64_t>(a.from),
                static_cast<std::uint64_t>(a.to), static_cast<std::uint64_t>(a.limit.count()), number_of(a.action)});
  }
  std::uint64_t operator()(const core::CancelScript& a) const { return mix({a.token.value()}); }
  std::uint64_t operator()(const core::ArmWatch& a) const { return static_cast<std::uint64_t>(a.watch_class); }
  std::uint64_t operator()(const core::DisarmWatch& a) const { return static_cast<std::uint64_t>(a.watch_class); }
  std::uint64_t operator()(const core::AskWitness& a) const {
    return mix({a.ask, static_cast<std::uint64_t>(a.request.verb), a.request.record.epoch.value()});
  }
  std::uint64_t operator()(const core::LeadData& a) const { return mix({a.token.value(), a.epoch.value(), a.is_solo}); }
  std::uint64_t operator()(const core::FollowData& a) const { return mix({a.token.value(), a.epoch.value()}); }
  std::uint64_t operator()(const core::AllowSolo& a) const { return a.epoch.value(); }
  std::uint64_t operator()(const core::ReleaseData& a) const { return mix({a.token.value()}); }
  std::uint64_t operator()(const core::HandOver& a) const {
    return mix({a.token.value(), static_cast<std::uint64_t>(a.left.until.nanoseconds())});
  }
  std::uint64_t operator()(const core::Reply& a) const {
    return mix({a.request.value(), a.is_accepted, number_of(a.message)});
  }
  std::uint64_t operator()(const core::Note& a) const {
    return mix({static_cast<std::uint64_t>(a.severity), number_of(a.text)});
  }
};

struct EventNumber {
  std::uint64_t operator()(const core::FrameReceived& e) const { return mix({e.path.value(), mix(e.status)}); }
  std::uint64_t operator()(const core::ActionFinished& e) const {
    return mix({e.token.value(), static_cast<std::uint64_t>(e.outcome)});
  }
  std::uint64_t operator()(const core::OperatorRequest& e) const {
    return mix({e.request.value(), static_cast<std::uint64_t>(e.verb), e.force});
  }
  std::uint64_t operator()(const core::PeerGuardReleased& e) const { return e.epoch.value(); }
  std::uint64_t operator()(const core::LanWordHeard& e) const { return mix(e.word); }
  std::uint64_t operator()(const core::WitnessAnswered& e) const {
    return mix({e.ask, e.answer.is_granted, static_cast<std::uint64_t>(e.answer.refusal)});
  }
  template <typename Other>
  std::uint64_t operator()(const Other&) const {
    return 0;
  }
};

}  // namespace

std::uint64_t number_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return hash;
}

std::string describe(const core::Record& record) {
  return fmt::format("{}.{} of {} set {}", record.epoch.value(), record.revision.value(), letter_of(record.holder),
                     record.sync_set == core::NodeSet::both()            ? "{A,B}"
                     : record.sync_set == core::NodeSet::only(NodeId{0}) ? "{A}"
                     : record.sync_set == core::NodeSet::only(NodeId{1}) ? "{B}"
                                                                         : "{}");
}

std::string describe(const core::PeerStatus& s) {
  return fmt::format(
      "{} {}/{} beat {} heard {}/{} ({:.1f} ms ago) record {}{}{}{}{}{}{}{}{}{}{}{}{}{}", letter_of(s.node),
      name_of(s.state), name_of(s.activity), s.beat, s.heard_incarnation.value() % 10000, s.heard_beat, ms(s.heard_age),
      describe(s.record) + (s.proposal ? " proposes " + describe(*s.proposal) : ""), s.holds_vip ? " vip" : "",
      s.runs_service ? " service" : "", s.is_promotable ? " promotable" : "", s.yields ? " yields" : "",
      s.is_probe ? " probe" : "", s.holds_reader ? " readers" : "", s.is_reader_fit ? " fit" : "",
      s.grants_reader ? " grants" : "", s.wish_id != 0 ? fmt::format(" wish {}", s.wish_id) : "",
      s.granted_wish_id != 0 ? fmt::format(" granted {}", s.granted_wish_id) : "",
      s.restarts_for > Duration{0} ? fmt::format(" restarts for {:.1f} ms", ms(s.restarts_for)) : "",
      s.waits_for > Duration{0} ? fmt::format(" waits for {:.1f} ms", ms(s.waits_for)) : "",
      s.maintenance_left > Duration{0}
          ? fmt::format(" maintenance {} for {:.1f} ms", s.maintenance_number, ms(s.maintenance_left))
          : "");
}
std::string describe(const core::Event& event) {
  return std::visit(EventText{}, event);
}
std::string describe(const core::Action& action) {
  return std::visit(ActionText{}, action);
}
std::string describe_state(const core::View& view) {
  return fmt::format("{} {}", name_of(view.state), name_of(view.activity));
}

std::uint64_t fingerprint(const core::Event& event) {
  return mix({event.index(), std::visit(EventNumber{}, event)});
}
std::uint64_t fingerprint(const core::Action& action) {
  return mix({action.index(), std::visit(ActionNumber{}, action)});
}

}  // namespace clusteragent::simulation
