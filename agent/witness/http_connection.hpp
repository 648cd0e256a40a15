#pragma once
// HttpConnection: one keep-alive HTTP/1.1 connection to one address, with TLS or without. One request at a time, each
// with a deadline that covers connecting, too. After a failure it is of no more use.
//
// Ownership: shared with the operations under way, so that it may be dropped at any time; close() first, and no answer
// comes any more. Threads: that of the io_context. Errors: in the answer, as text for the operator. Bound: the size of
// an answer.
#include <functional>
#include <memory>
#include <string>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/platform/asio.hpp"

namespace boost::asio::ssl {
class context;
}

namespace clusteragent::witness {

struct HttpRequest {
  std::string target;
  std::string authorization;  // header of that name; empty: none
  std::string body;           // JSON, sent with POST
};
struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

class HttpConnection {
 public:
  using OnAnswer = std::function<void(Result<HttpAnswer>)>;

  /// `tls`: nullptr for none; of the context only what the connection needs is kept.
  static std::shared_ptr<HttpConnection> make(boost::asio::io_context& io, boost::asio::ip::tcp::endpoint endpoint,
                                              boost::asio::ssl::context* tls);
  virtual ~HttpConnection() = default;

  virtual void post(HttpRequest request, Duration limit, OnAnswer on_answer) = 0;
  /// A request was answered over it already: then a failure may only say that the other side has closed it meanwhile.
  virtual bool was_used() const = 0;
  virtual void close() = 0;
};

}  // namespace clusteragent::witness
