#include "agent/witness/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/wire/octets.hpp"
#include "agent/witness/votes_key.hpp"

namespace clusteragent::witness {
namespace {

std::uint64_t random_challenge() {
  const wire::Key bytes = wire::generate_key();
  const auto number = wire::Reader{bytes}.number<std::uint64_t>();
  return number == 0 ? 1 : number;  // 0 is what an asker says that knows none
}

}  // namespace

WitnessServer::WitnessServer(boost::asio::io_context& io, ServerOptions options)
    : options_{std::move(options)}, worker_{io, [this](const ModuleId& id, const Replacement& replaced) {
                                              const auto found = modules_.find(id);
                                              if (found != modules_.end())
                                                found->second->stored(platform::boottime_now(), replaced);
                                            }} {}

Result<std::unique_ptr<WitnessServer>> WitnessServer::open(boost::asio::io_context& io, ServerOptions options,
                                                           const std::vector<ClusterKey>& keys) {
  std::unique_ptr<WitnessServer> server{new WitnessServer{io, std::move(options)}};
  // Before the first question can come.
  if (Status loaded = server->set_keys(keys); !loaded) return loaded.error();
  auto socket = DatagramSocket::open(io, server->options_.address, server->options_.port,
                                     [raw = server.get()](std::span<const std::uint8_t> datagram,
                                                          const ReplyPath& from) { raw->receive(datagram, from); });
  if (!socket) return socket.error();
  server->socket_ = std::move(*socket);
  return server;
}

Status WitnessServer::set_keys(const std::vector<ClusterKey>& keys) {
  if (keys.size() > keys_max) {
    return Error{ErrorCode::configuration, fmt::format("{} cluster keys; one witness serves at most {}: start another "
                                                       "one on a machine of its own",
                                                       keys.size(), keys_max)};
  }
  std::map<std::uint64_t, Accepted> accepted;
  std::vector<ClusterKey> clusters;
  for (const ClusterKey& one : keys) {
    if (add_cluster(one, accepted)) clusters.push_back(one);
  }
  keys_ = std::move(accepted);
  clusters_ = std::move(clusters);
  // A module that goes and comes back has forgotten which questions it has seen.
  challenge_ = random_challenge();
  // One whose write is under way would be loaded again before the disk has it.
  std::erase_if(modules_,
                [this](const auto& entry) { return !serves(entry.first.key_id) && !entry.second->is_storing(); });
  return load_modules();
}

// Votes belong to the cluster, not to the key: two keys of one cluster must never find two voters.
bool WitnessServer::add_cluster(const ClusterKey& cluster, std::map<std::uint64_t, Accepted>& accepted) const {
  const auto keys = cluster.ring.accepted(platform::unix_seconds());
  std::vector<std::uint64_t> ids;
  for (const wire::Key& key : keys) {
    ids.push_back(wire::key_id(key));
    const auto known = accepted.find(ids.back());
    if (known == accepted.end()) continue;
    log::critical("witness", "{} holds the same key as {}: it is left out", cluster.name, known->second.name);
    return false;
  }
  std::vector<std::uint64_t> voting;
  for (const auto& [id, module] : modules_) voting.push_back(id.key_id);
  const auto home = settle_votes_key(options_.state_dir, ids, voting);
  if (!home) {
    log::critical("witness", "{}: {}; its cluster has no witness here", cluster.name, home.error().message);
    return false;
  }
  for (std::size_t at = 0; at < keys.size(); ++at) {
    Accepted one{cluster.name, wire::witness_key(keys[at]), *home, {}, 0};
    const auto& previous = cluster.ring.previous;
    const bool is_previous = at > 0 && previous && keys[at] == previous->key && keys[at] != cluster.ring.next;
    if (is_previous) one.until = previous->until;
    accepted.emplace(ids[at], std::move(one));
  }
  return true;
}

bool WitnessServer::serves(std::uint64_t votes_key) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [votes_key](const auto& entry) { return entry.second.votes_key == votes_key; });
}

// nullptr: of no cluster here, or its time is over.
WitnessServer::Accepted* WitnessServer::find_key(std::uint64_t key_id) {
  const auto found = keys_.find(key_id);
  if (found == keys_.end()) return nullptr;
  const auto& until = found->second.until;
  return until && platform::unix_seconds() >= *until ? nullptr : &found->second;
}

Status WitnessServer::load_modules() {
  std::error_code error;
  std::filesystem::directory_iterator files{options_.state_dir, error};
  for (const std::filesystem::directory_iterator end; !error && files != end; files.increment(error)) {
    const auto id = id_of_state_file(files->path().filename());
    if (id && serves(id->key_id) && !modules_.contains(*id)) load(*id);
  }
  if (!error) return success();
  return Error{ErrorCode::system, fmt::format("cannot read {}: {}", options_.state_dir, error.message())};
}

WitnessServer::Modules::iterator WitnessServer::load(const ModuleId& id) {
  PromiseFile promises{fmt::format("{}/{}.promise", options_.promise_dir, stem_of(id)), options_.boot_id};
  const std::string path = state_path(options_.state_dir, id);
  ModuleHandlers handlers{[this](const Asked& asked, const core::WitnessAnswer& said) { answer(asked, said); },
                          [this, id, path](std::string text) { worker_.store(id, path, std::move(text)); }};
  const auto state = load_voter(path);
  std::unique_ptr<ModuleVoter> voter;
  if (!state) {
    log::critical("witness", "{}", state.error().message);
    voter = std::make_unique<ModuleVoter>(state.error().message, std::move(promises), challenge_, std::move(handlers));
  } else {
    voter =
        std::make_unique<ModuleVoter>(ModuleVoter::Loaded{state->value_or(core::VoterState{}), state->has_value()},
                                      std::move(promises), challenge_, platform::boottime_now(), std::move(handlers));
  }
  return modules_.emplace(id, std::move(voter)).first;
}

std::size_t WitnessServer::modules_of(std::uint64_t votes_key) const {
  const auto first = modules_.lower_bound(ModuleId{votes_key, 0});
  return static_cast<std::size_t>(
      std::count_if(first, modules_.end(), [votes_key](const auto& entry) { return entry.first.key_id == votes_key; }));
}

ModuleVoter* WitnessServer::find_or_make(const ModuleId& id) {
  const auto found = modules_.find(id);
  if (found != modules_.end()) return found->second.get();
  if (modules_of(id.key_id) < modules_max) return load(id)->second.get();
  // Once, and not for every question.
  if (counters_.too_many_modules++ == 0) {
    log::critical("witness",
                  "the cluster whose votes lie under {} asks for more than {} modules; remove the state files of those "
                  "that are gone "
                  "and restart clusteragent-witness",
                  hex(id.key_id), modules_max);
  }
  return nullptr;
}

void WitnessServer::count(wire::WitnessFlaw flaw) {
  switch (flaw) {
    case wire::WitnessFlaw::malformed:
      ++counters_.malformed;
      return;
    case wire::WitnessFlaw::foreign_key:
      ++counters_.foreign_key;
      return;
    case wire::WitnessFlaw::bad_mac:
      ++counters_.bad_mac;
      return;
    case wire::WitnessFlaw::other_version:
      ++counters_.other_version;
      return;
  }
}

void WitnessServer::receive(std::span<const std::uint8_t> datagram, const ReplyPath& from) {
  ++counters_.received;
  const auto key_id = wire::key_id_of(datagram);
  if (!key_id) return count(wire::WitnessFlaw::malformed);
  Accepted* const accepted = find_key(*key_id);
  if (accepted == nullptr) return count(wire::WitnessFlaw::foreign_key);
  const auto decoded = wire::decode_witness(datagram, *key_id, accepted->key);
  if (const auto* flaw = std::get_if<wire::WitnessFlaw>(&decoded)) return count(*flaw);
  const auto& frame = std::get<wire::WitnessFrame>(decoded);
  const auto* request = std::get_if<core::WitnessRequest>(&frame.body);
  if (request == nullptr) return count(wire::WitnessFlaw::malformed);
  ++accepted->asked;
  judge(accepted->votes_key, frame.header, *request, from);
}

void WitnessServer::judge(std::uint64_t votes_key, const wire::WitnessHeader& header,
                          const core::WitnessRequest& request, const ReplyPath& from) {
  const ModuleId id{votes_key, header.module_hash};
  wire::WitnessGate newcomer{challenge_};
  const auto found = modules_.find(id);
  // A module is made only for an asker that has proven itself: recordings fill no table.
  wire::WitnessGate* gate = found != modules_.end() ? &found->second->gate_of(header.node) : &newcomer;
  const bool is_unproven = header.challenge != gate->challenge_for(header.incarnation);
  if (is_unproven) {
    ++counters_.unproven;
    wire::WitnessHeader reply = header;
    reply.challenge = gate->challenge_for(header.incarnation);
    return send(from, reply, wire::ProveYourself{});
  }
  ModuleVoter* module = find_or_make(id);
  if (module == nullptr) return;
  if (module->gate_of(header.node).judge(header) != wire::Entry::admitted) {
    ++counters_.replayed;
    return;
  }
  module->take(platform::boottime_now(), Asked{header, request, from});
}

void WitnessServer::send(const ReplyPath& to, wire::WitnessHeader header, const wire::WitnessBody& body) {
  // With the key of the question: the asker has that one for certain.
  const Accepted* const accepted = find_key(header.key_id);
  if (accepted == nullptr) return;  // it was taken away while the disk was waited for
  const wire::Bytes bytes = wire::encode_witness(header, body, accepted->key);
  socket_->send(to, bytes);
}

void WitnessServer::answer(const Asked& asked, const core::WitnessAnswer& said) {
  ++(said.is_granted ? counters_.granted : counters_.refused);
  send(asked.to, asked.header, said);
}

ServerStatus WitnessServer::status(Instant now) const {
  ServerStatus status;
  status.port = socket_->port();
  status.counters = counters_;
  for (const ClusterKey& cluster : clusters_) {
    const std::uint64_t current = wire::key_id(cluster.ring.current);
    const std::uint64_t home = keys_.at(current).votes_key;
    ClusterStatus& shown = status.clusters.emplace_back(ClusterStatus{cluster.name, current, home, {}, {}});
    for (const wire::Key& key : cluster.ring.accepted(platform::unix_seconds())) {
      const auto known = keys_.find(wire::key_id(key));
      if (known != keys_.end()) shown.keys.push_back({known->first, known->second.asked});
    }
    for (auto at = modules_.lower_bound({home, 0}); at != modules_.end() && at->first.key_id == home; ++at) {
      const ModuleVoter& module = *at->second;
      ModuleStatus& one = shown.modules.emplace_back();
      one.module_hash = at->first.module_hash;
      one.state = module.voter().state();
      const auto& promise = module.voter().promise();
      if (promise && now < promise->until) one.promise = promise;
      one.silent_for = std::max(Duration::zero(), module.silent_until() - now);
      if (const auto asked = module.last_asked()) one.last_asked_age = now - *asked;
      one.is_storing = module.is_storing();
      one.problem = module.problem();
    }
  }
  return status;
}

}  // namespace clusteragent::witness
