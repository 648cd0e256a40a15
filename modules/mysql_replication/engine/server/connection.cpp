#include "modules/mysql_replication/engine/server/connection.hpp"

#include <errmsg.h>
#include <errno.h>
#include <fmt/format.h>
#include <mysql.h>

#include <cstring>

namespace clusteragent::mysql {
namespace {

constexpr std::size_t error_bytes_max = 400;

}  // namespace

struct Connection::Handle {
  MYSQL* mysql = nullptr;
  Accounts accounts;
  std::string where;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (mysql != nullptr) mysql_close(mysql);
  }

  Error error(const std::string& doing) const {
    std::string text = fmt::format("{} {}: {} ({})", doing, where, mysql_error(mysql), mysql_errno(mysql));
    // A syntax error quotes the statement.
    for (const std::string& secret :
         {accounts.agent.password, accounts.replication.password, accounts.replicas.password}) {
      if (secret.empty()) continue;
      for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
        text.replace(at, secret.size(), "***");
    }
    return Error{ErrorCode::unreachable, text.substr(0, error_bytes_max)};
  }
};

Connection::Connection(std::unique_ptr<Handle> handle) : handle_{std::move(handle)} {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const Target& target) {
  auto handle = std::make_unique<Handle>();
  handle->accounts = target.accounts;
  handle->where = target.socket.empty() ? fmt::format("{}:{}", target.address, target.port) : target.socket;
  handle->mysql = mysql_init(nullptr);
  const auto connect_s = static_cast<unsigned>(target.connect_limit.count());
  const auto answer_s = static_cast<unsigned>(target.answer_limit.count());
  mysql_options(handle->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
  mysql_options(handle->mysql, MYSQL_OPT_READ_TIMEOUT, &answer_s);
  mysql_options(handle->mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
  // Another mode could give a backslash in a literal another meaning.
  mysql_options(handle->mysql, MYSQL_INIT_COMMAND, "SET SESSION sql_mode = ''");
  const Account& account = target.accounts.agent;
  const bool is_local = !target.socket.empty();
  if (mysql_real_connect(handle->mysql, is_local ? nullptr : target.address.c_str(), account.user.c_str(),
                         account.password.c_str(), nullptr, target.port, is_local ? target.socket.c_str() : nullptr,
                         0) == nullptr) {
    const unsigned number = mysql_errno(handle->mysql);
    Error error = handle->error("cannot connect to");
    const std::string said = mysql_error(handle->mysql);
    const bool is_refused = said.find(fmt::format("({})", ECONNREFUSED)) != std::string::npos ||
                            said.find(fmt::format("({})", ENOENT)) != std::string::npos ||
                            said.find(fmt::format("({} ", ECONNREFUSED)) != std::string::npos ||
                            said.find(fmt::format("({} ", ENOENT)) != std::string::npos;
    if ((number == CR_CONNECTION_ERROR || number == CR_CONN_HOST_ERROR) && is_refused) error.code = ErrorCode::refused;
    return error;
  }
  return Connection{std::move(handle)};
}

bool Connection::is_absent(const Error& error) {
  return error.code == ErrorCode::refused;
}

Result<Rows> Connection::query(const std::string& statement) {
  if (mysql_real_query(handle_->mysql, statement.data(), statement.size()) != 0)
    return handle_->error("a statement failed on");
  Rows rows;
  MYSQL_RES* const result = mysql_store_result(handle_->mysql);
  if (result == nullptr) {
    if (mysql_errno(handle_->mysql) != 0) return handle_->error("no answer from");
    return rows;
  }
  const unsigned columns = mysql_num_fields(result);
  const MYSQL_FIELD* const fields = mysql_fetch_fields(result);
  while (MYSQL_ROW values = mysql_fetch_row(result)) {
    const unsigned long* const sizes = mysql_fetch_lengths(result);
    Row row;
    for (unsigned at = 0; at < columns; ++at) {
      std::optional<std::string>& cell = row[fields[at].name];
      if (values[at] != nullptr) cell = std::string{values[at], sizes[at]};
    }
    rows.push_back(std::move(row));
  }
  mysql_free_result(result);
  return rows;
}

unsigned Connection::error_number() const {
  return mysql_errno(handle_->mysql);
}

bool Connection::is_lost() const {
  const unsigned number = mysql_errno(handle_->mysql);
  return number >= CR_MIN_ERROR && number <= CR_MAX_ERROR;
}

}  // namespace clusteragent::mysql
