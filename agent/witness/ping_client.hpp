#pragma once
// PingClient: asks addresses outside by ICMP echo whether this node still reaches anything (<splitbrain exec="ping">).
// A WitnessPort that grants what was asked as soon as one of them answers, and is silent otherwise.
//
// Ownership: the daemon's; the io_context outlives it. Threads: the decision thread only. Never blocks; loss is silent.
// Errors: open() returns those that waiting does not cure. Bounds: addresses, datagrams read at once. What an answer is
// worth: it comes from the address that was asked and repeats a random number; nothing signs it.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/core/ports.hpp"
#include "agent/platform/asio.hpp"

namespace clusteragent::witness {

struct PingStatus {
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::optional<Duration> last_asked_age;   // nullopt: never
  std::optional<Duration> last_answer_age;  // nullopt: never
  std::string answered_by;                  // the address that did last
  std::string problem;                      // why nothing can be sent; empty: none is known
};

class PingClient final : public core::WitnessPort {
 public:
  /// `targets`: IP addresses. `secret`: a number that nobody outside knows; new with each life of the agent.
  static Result<std::unique_ptr<PingClient>> open(boost::asio::io_context& io, const std::vector<std::string>& targets,
                                                  std::uint64_t secret, core::EventSink sink);
  ~PingClient() override;
  PingClient(const PingClient&) = delete;
  PingClient& operator=(const PingClient&) = delete;

  void ask(const core::AskWitness& question) override;
  PingStatus status(Instant now) const;

 private:
  using Icmp = boost::asio::ip::icmp;
  struct Family;

  PingClient(boost::asio::io_context& io, std::uint64_t secret, core::EventSink sink);
  Status open_family(boost::asio::io_context& io, const Icmp& protocol);
  void await(Family& family);
  void drain(Family& family);
  void receive(const Family& family, const Icmp::endpoint& from, std::size_t length);

  std::uint64_t secret_;
  core::EventSink sink_;
  std::vector<boost::asio::ip::address> targets_;
  std::vector<std::unique_ptr<Family>> families_;  // IPv4 and IPv6, where a target is of it
  std::uint64_t granted_ = 0;                      // newest question that was answered
  PingStatus status_;
  std::optional<Instant> asked_at_;
  std::optional<Instant> answered_at_;
  std::array<std::uint8_t, 256> buffer_{};
  // Handlers that are under way when this object goes must not touch it.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace clusteragent::witness
