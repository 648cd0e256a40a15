#pragma once
// EtcdClient: the real way to a third voter in etcd. Speaks HTTP/1.1 with one member at a time, the next one when that
// fails, and leaves every decision to RegisterConversation.
//
// Ownership: the daemon's; the io_context outlives it. Threads: public methods on the decision thread, where answers
// are posted; a thread of its own connects, encrypts and reads files. Never blocks but for a moment when it is
// destroyed. Errors: open() returns what waiting does not cure; the rest is ClientStatus::problem and silence. Bounds:
// one question that waits, one request under way, a deadline for each, and a pause that grows while no member answers.
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/platform/asio.hpp"
#include "agent/witness/register_conversation.hpp"
#include "agent/witness/third_voter.hpp"

namespace clusteragent::witness {

struct EtcdEndpoint {
  std::string url;      // for people
  std::string address;  // an IP address without brackets; names are not looked up
  std::uint16_t port = 0;
  bool is_secure = false;  // https
};

struct EtcdOptions {
  std::vector<EtcdEndpoint> endpoints;  // members of one etcd cluster; at least one
  RegisterConversation::Options conversation;
  std::string ca_file;           // empty: those that the system trusts
  std::string certificate_file;  // of this client; empty: none
  std::string key_file;
  std::string user_file;  // "user:password"; empty: none
};

class EtcdClient final : public ThirdVoter {
 public:
  static Result<std::unique_ptr<EtcdClient>> open(boost::asio::io_context& io, EtcdOptions options,
                                                  core::EventSink sink);
  ~EtcdClient() override;
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  void ask(const core::AskWitness& question) override;
  ClientStatus status(Instant now) const override;

 private:
  class Worker;

  explicit EtcdClient(std::unique_ptr<Worker> worker);

  std::unique_ptr<Worker> worker_;
};

}  // namespace clusteragent::witness
