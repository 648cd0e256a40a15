#include "agent/witness/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/base/assert.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::witness {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

// The core waits for one answer at a time and asks again when it is lost; older ones only tell that the way is slow.
constexpr std::size_t open_max = 16;
// A witness that was started anew asks for proof once. Whoever plays recordings of that does not make us shout.
constexpr int repetitions_max = 4;
constexpr Duration reachable_limit = std::chrono::seconds{1};
// Then the local address that routing chose may be the wrong one by now.
constexpr Duration reopen_after = std::chrono::seconds{3};
constexpr int reads_max = 64;

}  // namespace

WitnessClient::WitnessClient(asio::io_context& io, ClientOptions options, asio::ip::address witness,
                             core::EventSink sink)
    : options_{std::move(options)},
      witness_{std::move(witness), options_.port},
      socket_{io},
      sink_{std::move(sink)},
      module_hash_{wire::module_hash(options_.module)} {
  status_.endpoint = options_.address;
  set_keys({options_.cluster_key});
}

WitnessClient::~WitnessClient() {
  *is_alive_ = false;
}

Result<std::unique_ptr<WitnessClient>> WitnessClient::open(asio::io_context& io, ClientOptions options,
                                                           core::EventSink sink) {
  error_code error;
  auto address = asio::ip::make_address(options.address, error);
  if (error || address.is_unspecified() || address.is_multicast() || options.port == 0) {
    return Error{ErrorCode::configuration,
                 fmt::format("witness {} port {}: an IP address and a port from 1 to 65535 are expected; correct them "
                             "in cluster.xml",
                             options.address, options.port)};
  }
  std::unique_ptr<WitnessClient> client{new WitnessClient{io, std::move(options), std::move(address), std::move(sink)}};
  client->open_socket();
  return client;
}

void WitnessClient::open_socket() {
  error_code error;
  socket_.close(error);
  opened_at_ = platform::boottime_now();
  ++openings_;
  socket_.open(witness_.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) socket_.connect(witness_, error);
  if (!error) {
    status_.problem.clear();
    return await_datagrams();
  }
  status_.problem = fmt::format("no way to {}: {}", options_.address, error.message());
  error_code ignored;
  socket_.close(ignored);
}

void WitnessClient::await_datagrams() {
  socket_.async_wait(udp::socket::wait_read, [this, alive = is_alive_, opening = openings_](const error_code& error) {
    if (!*alive || error == asio::error::operation_aborted || opening != openings_) return;
    drain();
    // An answer that made us open another socket has begun to wait for that one already.
    if (socket_.is_open() && opening == openings_) await_datagrams();
  });
}

void WitnessClient::drain() {
  for (int count = 0; count < reads_max && socket_.is_open(); ++count) {
    error_code error;
    const std::size_t length = socket_.receive(asio::buffer(buffer_), 0, error);
    if (error == asio::error::would_block) return;
    if (error == asio::error::connection_refused) {
      status_.problem = fmt::format("nobody listens on UDP port {} of {}", options_.port, options_.address);
    } else if (!error) {
      receive(std::span{buffer_}.first(length));
    }
  }
}

void WitnessClient::ask(const core::AskWitness& question) {
  const Instant now = platform::boottime_now();
  ++status_.asked;
  if (open_.size() >= open_max) open_.pop_front();
  open_.push_back({question, now});
  if (!unanswered_since_) unanswered_since_ = now;
  const bool is_stuck = now - std::max(*unanswered_since_, opened_at_) > reopen_after;
  if (!socket_.is_open() || is_stuck) open_socket();
  send_newest();
}

void WitnessClient::set_keys(const std::vector<wire::Key>& accepted) {
  CLUSTERAGENT_ASSERT(!accepted.empty());
  keys_.clear();
  for (const wire::Key& key : accepted) keys_.push_back({wire::key_id(key), wire::witness_key(key)});
}

void WitnessClient::send_newest() {
  const core::AskWitness& question = open_.back().question;
  const wire::WitnessHeader header{keys_.front().id,     module_hash_, options_.self,
                                   options_.incarnation, question.ask, challenge_};
  core::WitnessRequest request = question.request;
  request.from = options_.self;
  const wire::Bytes bytes = wire::encode_witness(header, request, keys_.front().key);
  if (try_send(bytes)) return;
  open_socket();
  static_cast<void>(try_send(bytes));
}

// False when another socket may do better.
bool WitnessClient::try_send(std::span<const std::uint8_t> datagram) {
  if (!socket_.is_open()) return true;
  const auto buffer = asio::buffer(datagram.data(), datagram.size());
  error_code error;
  socket_.send(buffer, 0, error);
  // Said of an earlier datagram: this one was not sent at all.
  if (error == asio::error::connection_refused) socket_.send(buffer, 0, error);
  if (!error || error == asio::error::would_block || error == asio::error::connection_refused) return true;
  status_.problem = fmt::format("cannot send to {}: {}", options_.address, error.message());
  return false;
}

std::deque<WitnessClient::Open>::iterator WitnessClient::find(std::uint64_t ask) {
  return std::find_if(open_.begin(), open_.end(), [ask](const Open& one) { return one.question.ask == ask; });
}

void WitnessClient::receive(std::span<const std::uint8_t> datagram) {
  const auto key_id = wire::key_id_of(datagram);
  const auto signer =
      std::find_if(keys_.begin(), keys_.end(), [&key_id](const Signer& one) { return key_id && *key_id == one.id; });
  if (signer == keys_.end()) {
    ++status_.dropped;
    return;
  }
  const auto decoded = wire::decode_witness(datagram, signer->id, signer->key);
  const auto* frame = std::get_if<wire::WitnessFrame>(&decoded);
  const bool is_ours = frame != nullptr && frame->header.module_hash == module_hash_ &&
                       frame->header.node == options_.self && frame->header.incarnation == options_.incarnation &&
                       find(frame->header.ask) != open_.end();
  const auto* answer = is_ours ? std::get_if<core::WitnessAnswer>(&frame->body) : nullptr;
  if (answer != nullptr) {
    on_answer(frame->header, *answer);
  } else if (is_ours && std::holds_alternative<wire::ProveYourself>(frame->body)) {
    on_prove(frame->header);
  } else {
    ++status_.dropped;
  }
}

void WitnessClient::on_prove(const wire::WitnessHeader& header) {
  // The answer to a repetition that has overtaken its question.
  if (header.challenge == challenge_) return;
  challenge_ = header.challenge;
  if (++open_.back().repetitions > repetitions_max) return;
  send_newest();
}

void WitnessClient::on_answer(const wire::WitnessHeader& header, const core::WitnessAnswer& answer) {
  const Instant now = platform::boottime_now();
  const auto found = find(header.ask);
  status_.round_trip = now - found->asked_at;
  status_.refusal = answer.refusal;
  status_.problem.clear();
  ++status_.answered;
  answered_at_ = now;
  // What is older is lost, or waits for the witness's disk: neither says that it cannot be reached.
  const auto later = open_.erase(found);
  unanswered_since_.reset();
  if (later != open_.end()) unanswered_since_ = later->asked_at;
  sink_(core::WitnessAnswered{header.ask, answer});
}

ClientStatus WitnessClient::status(Instant now) const {
  ClientStatus status = status_;
  if (answered_at_) status.last_answer_age = now - *answered_at_;
  const bool is_late = unanswered_since_ && now - *unanswered_since_ > reachable_limit;
  status.is_reachable = answered_at_ && !is_late;
  return status;
}

}  // namespace clusteragent::witness
