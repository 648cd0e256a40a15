#pragma once
// What is said to etcd's HTTP gateway (version 3.4 and later, /v3) and what its answers mean. Pure functions, any
// thread. Errors say what in the answer is not etcd's. Source: etcd's rpc.proto and its gateway's rules: 64-bit numbers
// are strings, keys and values base64, and what is zero is left out.
#include <string>
#include <string_view>

#include "agent/base/result.hpp"
#include "agent/witness/register_conversation.hpp"

namespace clusteragent::witness {

struct EtcdMessage {
  std::string target;  // path of the POST
  std::string body;
};

/// Read: linearizable, which is etcd's default. Swap: a transaction that compares mod_revision, and reads otherwise.
EtcdMessage encode_etcd(const std::string& key, const RegisterRequest& request);
Result<RegisterConversation::Response> decode_etcd(const RegisterRequest& request, std::string_view body);

EtcdMessage encode_etcd_login(const std::string& user, const std::string& password);
Result<std::string> decode_etcd_login(std::string_view body);

/// Of an answer that is no success: etcd's own words and, where it is known, what to do.
std::string describe_etcd_failure(unsigned status, std::string_view body);
/// The token has run out: another one helps.
bool is_etcd_login_over(unsigned status, std::string_view body);

}  // namespace clusteragent::witness
