#pragma once
// The sockets and the TLS context under a Channel. Blocking; any thread.
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "agent/data/filesync/wire/channel.hpp"

namespace clusteragent::filesync {

/// TLS 1.3 only, one cipher suite, one of these keys on both sides; `keys` must outlive what is made from it.
SSL_CTX* make_psk_context(const std::vector<SharedKey>& keys);

/// Not blocking afterwards; Nagle's delay is off.
Result<platform::Fd> connect_socket(const std::string& from, const std::string& to, std::uint16_t port, Duration limit,
                                    const std::atomic<bool>* is_cancelled);
/// False: not within the limit, or cancelled.
bool wait_for_socket(int socket, short events, Duration limit, const std::atomic<bool>* is_cancelled);
Result<platform::Fd> listen_socket(const std::string& address, std::uint16_t port);
/// Of an accepted one: as connect_socket leaves it.
void prepare_socket(int socket);

}  // namespace clusteragent::filesync
