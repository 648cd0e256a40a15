#include "agent/witness/etcd_credentials.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/asio/ssl.hpp>
#include <cerrno>
#include <cstring>

#include "agent/witness/sealed_text.hpp"

namespace clusteragent::witness {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

Error wrong(std::string message) {
  return {ErrorCode::configuration, std::move(message)};
}

Status check_secret(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return wrong(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  if ((facts.st_mode & 077) != 0) {
    return wrong(
        fmt::format("{} may be read by others (mode {:04o}): chmod 600 {}", path, facts.st_mode & 07777, path));
  }
  return success();
}

Status loaded(const std::string& path, const char* as, const error_code& error) {
  if (!error) return success();
  return wrong(fmt::format("cannot use {} as {}: {}", path, as, error.message()));
}

Status load_own(ssl::context& context, const EtcdOptions& options) {
  if (options.certificate_file.empty()) return success();
  error_code error;
  context.use_certificate_chain_file(options.certificate_file, error);
  if (const Status s = loaded(options.certificate_file, "client certificate (etcd_cert)", error); !s) return s;
  if (const Status s = check_secret(options.key_file); !s) return s;
  context.use_private_key_file(options.key_file, ssl::context::pem, error);
  return loaded(options.key_file, "key of the client certificate (etcd_key)", error);
}

}  // namespace

Result<std::shared_ptr<ssl::context>> load_tls(const EtcdOptions& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code error;
  if (options.ca_file.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->load_verify_file(options.ca_file, error);
  }
  if (const Status s = loaded(options.ca_file, "certificate authority (etcd_ca)", error); !s) return s.error();
  if (const Status s = load_own(*context, options); !s) return s.error();
  return context;
}

Result<std::optional<std::pair<std::string, std::string>>> load_user(const EtcdOptions& options) {
  using User = std::optional<std::pair<std::string, std::string>>;
  if (options.user_file.empty()) return User{};
  if (const Status s = check_secret(options.user_file); !s) return s.error();
  const auto text = read_small_file(options.user_file);
  if (!text) return text.error();
  std::string line = text->value_or("");
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto colon = line.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == line.size()) {
    return wrong(fmt::format("{}: one line is expected, the user of etcd and its password with a colon between them",
                             options.user_file));
  }
  return User{{line.substr(0, colon), line.substr(colon + 1)}};
}

}  // namespace clusteragent::witness
