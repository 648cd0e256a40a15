#include "agent/witness/http_connection.hpp"

#include <fmt/format.h>

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>

namespace clusteragent::witness {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

// A few hundred bytes are expected; a key of somebody else's may hold more than we want to know.
constexpr std::size_t answer_bytes_max = 64 * 1024;
constexpr unsigned http_1_1 = 11;

using Plain = beast::tcp_stream;
using Secure = beast::ssl_stream<beast::tcp_stream>;

std::string describe(const char* doing, const error_code& error, Duration limit) {
  if (error == beast::error::timeout) return fmt::format("{}: no end within {} ms", doing, to_milliseconds(limit));
  return fmt::format("{}: {}", doing, error.message());
}

std::string host_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

template <typename Stream>
class ConnectionOf final : public HttpConnection, public std::enable_shared_from_this<ConnectionOf<Stream>> {
 public:
  template <typename... Arguments>
  explicit ConnectionOf(asio::ip::tcp::endpoint endpoint, Arguments&... arguments)
      : endpoint_{std::move(endpoint)}, stream_{arguments...} {}

  void post(HttpRequest request, Duration limit, OnAnswer on_answer) override {
    on_answer_ = std::move(on_answer);
    limit_ = limit;
    request_ = {http::verb::post, request.target, http_1_1, std::move(request.body)};
    request_.set(http::field::host, host_of(endpoint_));
    request_.set(http::field::content_type, "application/json");
    if (!request.authorization.empty()) request_.set(http::field::authorization, request.authorization);
    request_.prepare_payload();
    lowest().expires_after(limit);
    if (is_connected_) return write();
    lowest().async_connect(endpoint_, [self = this->shared_from_this()](const error_code& error) {
      if (error) return self->fail("connecting", error);
      error_code ignored;
      self->lowest().socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
      self->secure();
    });
  }

  bool was_used() const override { return was_used_; }

  void close() override {
    on_answer_ = nullptr;
    lowest().close();
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void secure() {
    if constexpr (std::is_same_v<Stream, Secure>) {
      stream_.set_verify_mode(asio::ssl::verify_peer);
      stream_.set_verify_callback(asio::ssl::host_name_verification{endpoint_.address().to_string()});
      stream_.async_handshake(asio::ssl::stream_base::client,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (error) return self->fail_to_trust(error);
                                self->write();
                              });
    } else {
      write();
    }
  }

  void fail_to_trust(const error_code& error) {
    if constexpr (std::is_same_v<Stream, Secure>) {
      const long verdict = SSL_get_verify_result(stream_.native_handle());
      if (verdict == X509_V_OK || error == beast::error::timeout) return fail("TLS", error);
      fail(fmt::format("TLS: its certificate is not believed: {}", X509_verify_cert_error_string(verdict)));
    }
  }

  void write() {
    is_connected_ = true;
    http::async_write(stream_, request_, [self = this->shared_from_this()](const error_code& error, std::size_t) {
      if (error) return self->fail("asking", error);
      self->read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->body_limit(answer_bytes_max);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const error_code& error, std::size_t) {
                       if (error) return self->fail("waiting for the answer", error);
                       self->finish();
                     });
  }

  void finish() {
    lowest().expires_never();
    was_used_ = true;
    auto message = parser_->release();
    const OnAnswer on_answer = std::exchange(on_answer_, nullptr);
    if (on_answer) on_answer(HttpAnswer{message.result_int(), std::move(message.body())});
  }

  void fail(const char* doing, const error_code& error) { fail(describe(doing, error, limit_)); }
  void fail(std::string problem) {
    lowest().close();
    const OnAnswer on_answer = std::exchange(on_answer_, nullptr);
    if (on_answer) on_answer(Error{ErrorCode::unreachable, std::move(problem)});
  }

  asio::ip::tcp::endpoint endpoint_;
  Stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  std::optional<http::response_parser<http::string_body>> parser_;
  OnAnswer on_answer_;
  Duration limit_{};
  bool is_connected_ = false;
  bool was_used_ = false;
};

}  // namespace

std::shared_ptr<HttpConnection> HttpConnection::make(asio::io_context& io, asio::ip::tcp::endpoint endpoint,
                                                     asio::ssl::context* tls) {
  if (tls == nullptr) return std::make_shared<ConnectionOf<Plain>>(std::move(endpoint), io);
  return std::make_shared<ConnectionOf<Secure>>(std::move(endpoint), io, *tls);
}

}  // namespace clusteragent::witness
