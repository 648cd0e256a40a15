#pragma once
// WitnessClient: the real WitnessPort. Asks over one connected UDP socket; the local address is routing's choice. An
// answer is believed when it is signed, of this life of the agent and of a question that is still open.
//
// Ownership: the daemon's; the io_context outlives it. Threads: the decision thread only. Never blocks; loss is silent.
// Errors: open() returns those that waiting does not cure; a network that is not there is tried again with each
// question. Bounds: open questions, repetitions.
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/platform/asio.hpp"
#include "agent/wire/witness_frame.hpp"
#include "agent/witness/third_voter.hpp"

namespace clusteragent::witness {

constexpr std::uint16_t port_default = 9200;

struct ClientOptions {
  std::string address;  // of the witness: an IP address without brackets; names are not looked up
  std::uint16_t port = port_default;
  wire::Key cluster_key{};
  std::string module;
  NodeId self{};
  Incarnation incarnation{};
};

class WitnessClient final : public ThirdVoter {
 public:
  static Result<std::unique_ptr<WitnessClient>> open(boost::asio::io_context& io, ClientOptions options,
                                                     core::EventSink sink);
  ~WitnessClient() override;
  WitnessClient(const WitnessClient&) = delete;
  WitnessClient& operator=(const WitnessClient&) = delete;

  void ask(const core::AskWitness& question) override;
  /// Answers come with the key of their question.
  void set_keys(const std::vector<wire::Key>& accepted) override;
  ClientStatus status(Instant now) const override;

 private:
  using ErrorCodeOfSystem = boost::system::error_code;
  struct Signer {
    std::uint64_t id = 0;
    wire::Key key{};  // of witness_key()
  };
  struct Open {
    core::AskWitness question;
    Instant asked_at;
    int repetitions = 0;
  };

  WitnessClient(boost::asio::io_context& io, ClientOptions options, boost::asio::ip::address witness,
                core::EventSink sink);
  void open_socket();
  void await_datagrams();
  void drain();
  void send_newest();
  bool try_send(std::span<const std::uint8_t> datagram);
  void receive(std::span<const std::uint8_t> datagram);
  void on_prove(const wire::WitnessHeader& header);
  void on_answer(const wire::WitnessHeader& header, const core::WitnessAnswer& answer);
  std::deque<Open>::iterator find(std::uint64_t ask);

  ClientOptions options_;
  boost::asio::ip::udp::endpoint witness_;
  boost::asio::ip::udp::socket socket_;
  core::EventSink sink_;
  std::vector<Signer> keys_;  // never empty
  std::uint64_t module_hash_;
  std::uint64_t challenge_ = 0;  // the witness's as last seen
  std::deque<Open> open_;        // oldest first
  Instant opened_at_;
  std::uint64_t openings_ = 0;  // of the socket: a handler of a former one has nothing to say
  std::optional<Instant> unanswered_since_;
  std::optional<Instant> answered_at_;
  ClientStatus status_;
  // One byte more than an answer may have, so that a longer datagram is not cut to a valid length.
  std::array<std::uint8_t, wire::witness_frame_bytes_max + 1> buffer_{};
  // Handlers that are under way when this object goes must not touch it.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace clusteragent::witness
