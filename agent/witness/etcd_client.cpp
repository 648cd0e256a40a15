#include "agent/witness/etcd_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ssl/context.hpp>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/platform/clock.hpp"
#include "agent/platform/linux/thread.hpp"
#include "agent/witness/etcd_credentials.hpp"
#include "agent/witness/etcd_messages.hpp"
#include "agent/witness/http_connection.hpp"

namespace clusteragent::witness {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned http_ok = 200;
// etcd makes passwords slow to try, on purpose; the token that it gives serves every member until etcd takes it back.
constexpr Duration login_limit = seconds{5};
constexpr Duration pause_min = milliseconds{20};

// Later the next member is the better chance. Not shorter than a disk of etcd's may take for a write.
Duration request_limit(Duration lease) {
  return std::clamp<Duration>(lease / 2, milliseconds{100}, seconds{5});
}

// No longer than what a take-over can wait once etcd is back.
Duration pause_max(Duration lease) {
  return std::clamp<Duration>(lease / 2, pause_min, seconds{1});
}

}  // namespace

/// All of it on its own thread, but ask(), status() and the answers that are posted to the decision thread.
class EtcdClient::Worker {
 public:
  Worker(asio::io_context& decisions, EtcdOptions options, core::EventSink sink)
      : decisions_{decisions},
        sink_{std::move(sink)},
        options_{std::move(options)},
        conversation_{options_.conversation},
        limit_{request_limit(options_.conversation.lease)} {
    status_.endpoint = options_.endpoints.front().url;
    thread_ = platform::start_worker_thread("witness-etcd", [this] { io_.run(); });
  }

  ~Worker() {
    *is_alive_ = false;
    io_.stop();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void ask(const core::AskWitness& question) {
    const std::lock_guard lock{mutex_};
    ++status_.asked;
    // A thread that is busy finds the newest question; there is no queue that could grow.
    const bool is_told = question_.has_value();
    question_ = question;
    if (!is_told) asio::post(io_, [this] { take_question(); });
  }

  ClientStatus status(Instant now) const {
    const std::lock_guard lock{mutex_};
    ClientStatus status = status_;
    if (answered_at_) status.last_answer_age = now - *answered_at_;
    return status;
  }

 private:
  void take_question() {
    std::optional<core::AskWitness> question;
    {
      const std::lock_guard lock{mutex_};
      question = std::exchange(question_, std::nullopt);
    }
    if (question) conversation_.ask(platform::boottime_now(), *question);
    pump();
  }

  void pump() {
    if (is_pausing_ || is_under_way_) return;
    const Instant now = platform::boottime_now();
    if (auto request = conversation_.due(now)) {
      is_under_way_ = true;
      sent_at_ = now;
      request_ = std::move(*request);
      return connect_and_send();
    }
    const auto look_at = conversation_.next_look_at();
    if (!look_at) return;
    timer_.expires_after(std::max<Duration>(*look_at - now, milliseconds{1}));
    timer_.async_wait([this](const error_code& error) {
      if (!error) pump();
    });
  }

  const EtcdEndpoint& endpoint() const { return options_.endpoints[member_]; }

  void connect_and_send() {
    if (!connection_) {
      std::shared_ptr<asio::ssl::context> tls;
      if (endpoint().is_secure) {
        auto context = load_tls(options_);
        if (!context) return fail(context.error().message, false);
        tls = *context;
      }
      error_code ignored;  // open() has checked it
      connection_ =
          HttpConnection::make(io_, {asio::ip::make_address(endpoint().address, ignored), endpoint().port}, tls.get());
    }
    if (!options_.user_file.empty() && token_.empty()) return log_in();
    EtcdMessage message = encode_etcd(options_.conversation.key, request_);
    connection_->post({std::move(message.target), token_, std::move(message.body)}, limit_,
                      [this](const Result<HttpAnswer>& answer) { on_answer(answer); });
  }

  void log_in() {
    const auto user = load_user(options_);
    if (!user) return fail(user.error().message, false);
    EtcdMessage message = encode_etcd_login((*user)->first, (*user)->second);
    connection_->post({std::move(message.target), {}, std::move(message.body)}, login_limit,
                      [this](const Result<HttpAnswer>& answer) {
                        if (!answer) return fail(answer.error().message, connection_->was_used());
                        if (answer->status != http_ok) {
                          return fail(describe_etcd_failure(answer->status, answer->body), false);
                        }
                        const auto token = decode_etcd_login(answer->body);
                        if (!token) return fail(token.error().message, false);
                        token_ = *token;
                        connect_and_send();
                      });
  }

  void on_answer(const Result<HttpAnswer>& answer) {
    if (!answer) return fail(answer.error().message, connection_->was_used());
    if (is_etcd_login_over(answer->status, answer->body) && !std::exchange(is_token_renewed_, true)) {
      token_.clear();
      return connect_and_send();
    }
    if (answer->status != http_ok) return fail(describe_etcd_failure(answer->status, answer->body), false);
    const auto response = decode_etcd(request_, answer->body);
    if (!response) return fail(response.error().message, false);
    const Instant now = platform::boottime_now();
    is_under_way_ = is_token_renewed_ = false;
    failures_ = 0;
    const auto answered = conversation_.on_response(now, *response);
    note_success(now, answered);
    if (answered) {
      asio::post(decisions_, [this, alive = is_alive_, answered = *answered] {
        if (*alive) sink_(answered);
      });
    }
    pump();
  }

  void note_success(Instant now, const std::optional<core::WitnessAnswered>& answered) {
    const std::lock_guard lock{mutex_};
    status_.is_reachable = true;
    status_.round_trip = now - sent_at_;
    status_.endpoint = endpoint().url;
    status_.problem = conversation_.problem();
    answered_at_ = now;
    if (!answered) return;
    ++status_.answered;
    status_.refusal = answered->answer.refusal;
  }

  // A connection that was idle may have been closed by the other side: that says nothing of the next one.
  void fail(const std::string& problem, bool was_idle) {
    const Instant now = platform::boottime_now();
    is_under_way_ = is_token_renewed_ = false;
    conversation_.on_failure(now);
    if (connection_) connection_->close();
    connection_.reset();
    {
      const std::lock_guard lock{mutex_};
      status_.is_reachable = false;
      status_.endpoint = endpoint().url;
      status_.problem = fmt::format("{}: {}", endpoint().url, problem);
    }
    if (was_idle && now - sent_at_ < limit_) return asio::post(io_, [this] { pump(); });
    member_ = (member_ + 1) % options_.endpoints.size();
    ++failures_;
    const std::size_t rounds = failures_ / options_.endpoints.size();
    if (rounds == 0) return asio::post(io_, [this] { pump(); });
    pause(pause_min * (1U << std::min<std::size_t>(rounds - 1, 6)));
  }

  void pause(Duration wanted) {
    is_pausing_ = true;
    timer_.expires_after(std::min(wanted, pause_max(options_.conversation.lease)));
    timer_.async_wait([this](const error_code& error) {
      if (error) return;
      is_pausing_ = false;
      pump();
    });
  }

  // Of the decision thread
  asio::io_context& decisions_;
  core::EventSink sink_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);

  // Of both
  mutable std::mutex mutex_;
  std::optional<core::AskWitness> question_;
  ClientStatus status_;
  std::optional<Instant> answered_at_;

  // Of the worker's thread
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> stays_{io_.get_executor()};
  asio::steady_timer timer_{io_};
  EtcdOptions options_;
  RegisterConversation conversation_;
  Duration limit_;
  std::shared_ptr<HttpConnection> connection_;
  RegisterRequest request_;
  Instant sent_at_;
  std::string token_;
  std::size_t member_ = 0;
  std::size_t failures_ = 0;  // since the last answer
  bool is_under_way_ = false;
  bool is_pausing_ = false;
  bool is_token_renewed_ = false;
  std::thread thread_;
};

EtcdClient::EtcdClient(std::unique_ptr<Worker> worker) : worker_{std::move(worker)} {}

EtcdClient::~EtcdClient() = default;

Result<std::unique_ptr<EtcdClient>> EtcdClient::open(asio::io_context& io, EtcdOptions options, core::EventSink sink) {
  if (options.endpoints.empty()) return Error{ErrorCode::configuration, "etcd: at least one endpoint is expected"};
  bool is_secure = false;
  for (const EtcdEndpoint& endpoint : options.endpoints) {
    error_code error;
    asio::ip::make_address(endpoint.address, error);
    if (error || endpoint.port == 0) {
      return Error{ErrorCode::configuration,
                   fmt::format("etcd {}: an IP address and a port from 1 to 65535 are expected", endpoint.url)};
    }
    is_secure = is_secure || endpoint.is_secure;
  }
  if (is_secure) {
    if (const auto tls = load_tls(options); !tls) return tls.error();
  }
  if (const auto user = load_user(options); !user) return user.error();
  return std::unique_ptr<EtcdClient>{new EtcdClient{std::make_unique<Worker>(io, std::move(options), std::move(sink))}};
}

void EtcdClient::ask(const core::AskWitness& question) {
  worker_->ask(question);
}

ClientStatus EtcdClient::status(Instant now) const {
  return worker_->status(now);
}

}  // namespace clusteragent::witness
