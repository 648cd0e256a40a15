#include "agent/daemon/witness_daemon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <optional>
#include <vector>

#include "agent/base/log.hpp"
#include "agent/control/paths.hpp"
#include "agent/control/server.hpp"
#include "agent/daemon/service_manager.hpp"
#include "agent/daemon/witness_status.hpp"
#include "agent/platform/clock.hpp"
#include "agent/transport/key_rotation.hpp"
#include "agent/witness/client.hpp"
#include "agent/witness/server.hpp"

namespace clusteragent::daemon {
namespace {

namespace fs = std::filesystem;

constexpr Duration last_lines_limit = std::chrono::seconds{2};
constexpr int exit_usage = 2;
constexpr int exit_unreachable = 4;
constexpr int exit_configuration = 5;

int refuse(const Error& error) {
  fmt::print(stderr, "clusteragent: {}\n", error.message);
  if (error.code == ErrorCode::usage) return exit_usage;
  const bool is_configuration = error.code == ErrorCode::configuration || error.code == ErrorCode::corrupt;
  return is_configuration ? exit_configuration : exit_unreachable;
}

Status parse_listen(const std::string& text, witness::ServerOptions& options) {
  options.port = witness::port_default;
  if (text.empty()) return success();
  const auto colon = text.rfind(':');
  std::string address = text.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool has_brackets = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (has_brackets) address = address.substr(1, address.size() - 2);
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  const bool is_port = failure == std::errc{} && end == port.data() + port.size() && options.port != 0;
  const bool is_bare_ipv6 = !has_brackets && address.find(':') != std::string::npos;
  if (!is_port || address.empty() || is_bare_ipv6) {
    return Error{ErrorCode::usage,
                 fmt::format("--listen {}: ADDRESS:PORT is expected, as 192.0.2.1:9200 or [2001:db8::1]:9200", text)};
  }
  options.address = address;
  return success();
}

struct LoadedClusters {
  std::vector<witness::ClusterKey> keys;
  std::vector<std::string> problems;
};

/// One that cannot be read is left out, loudly: the other clusters need their witness.
LoadedClusters load_keys(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::directory_iterator entries{directory, error};
  for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
    if (entries->path().extension() == ".key") files.push_back(entries->path());
  }
  std::sort(files.begin(), files.end());
  LoadedClusters loaded;
  for (const fs::path& file : files) {
    const auto keys = transport::load_key_ring(file);
    if (keys) {
      loaded.keys.push_back({file.filename(), keys->ring});
      for (const std::string& problem : keys->problems) loaded.problems.push_back(problem + "; this key is left out");
    } else {
      loaded.problems.push_back(keys.error().message + "; its cluster has no witness here");
    }
  }
  for (const std::string& problem : loaded.problems) log::critical("witness", "{}", problem);
  return loaded;
}

Error no_keys(const std::string& directory) {
  return Error{ErrorCode::configuration,
               fmt::format("no cluster key in {}: copy the cluster.key of each cluster there, as NAME.key with mode "
                           "0600, and run it again",
                           directory)};
}

class WitnessDaemon {
 public:
  WitnessDaemon(boost::asio::io_context& io, control::Paths paths)
      : io_{io}, paths_{std::move(paths)}, signals_{io, SIGTERM, SIGINT, SIGHUP}, watchdog_{io} {}

  Status open(witness::ServerOptions options) {
    auto boot = witness::machine_boot_id();
    if (!boot) return boot.error();
    options.boot_id = *boot;
    options.state_dir = paths_.witness_var_dir();
    options.promise_dir = paths_.witness_run_dir();
    for (const std::string& directory : {options.state_dir, options.promise_dir}) {
      std::error_code error;
      fs::create_directories(directory, error);
      if (error) return Error{ErrorCode::system, fmt::format("cannot make {}: {}", directory, error.message())};
    }
    // First, because it is what a second witness on the same files fails at.
    auto control = control::ControlServer::open(io_, paths_.witness_socket(), handlers());
    if (!control) return control.error();
    control_ = std::move(*control);
    const auto keys = load_keys(paths_.witness_keys_dir()).keys;
    if (keys.empty()) return no_keys(paths_.witness_keys_dir());
    auto server = witness::WitnessServer::open(io_, std::move(options), keys);
    if (!server) return server.error();
    server_ = std::move(*server);
    log::event("witness", "serves {} clusters on UDP port {}", keys.size(), status().port);
    return success();
  }

  void start() {
    await_signal();
    feed_watchdog();
    manager_.ready();
  }

 private:
  witness::ServerStatus status() const { return server_->status(platform::boottime_now()); }

  control::Handlers handlers() {
    return {[this] { return witness_status(status(), platform::boottime_now()); },
            [this](const core::OperatorRequest& request) {
              control_->reply({request.request, false, "a witness has no module to act on; ask a data node"});
            },
            [](char, const std::string& text) { log::info("witness", "{}", text); },
            [this](RequestId request) {
              const Result<std::string> read = reload();
              control_->reply({request, static_cast<bool>(read), read ? *read : read.error().message});
            },
            [this](RequestId request, const control::VerifyRequest&) {
              control_->reply({request, false, "a witness has no data to verify; ask the primary"});
            }};
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal != SIGHUP) {
        manager_.stopping();
        io_.stop();
        return;
      }
      static_cast<void>(reload());  // the log has it
      await_signal();
    });
  }

  Result<std::string> reload() {
    const LoadedClusters loaded = load_keys(paths_.witness_keys_dir());
    // An empty directory is rather a mistake than a wish, and a witness without keys helps nobody.
    const Status set =
        loaded.keys.empty() ? Status{no_keys(paths_.witness_keys_dir())} : server_->set_keys(loaded.keys);
    if (!set) {
      log::critical("witness", "keys not changed: {}", set.error().message);
      return Error{ErrorCode::refused, "keys not changed: " + set.error().message};
    }
    const std::string text = fmt::format("keys read again: serves {} clusters", status().clusters.size());
    log::event("witness", "{}", text);
    if (loaded.problems.empty()) return text;
    return Error{ErrorCode::refused, text + "; " + loaded.problems.front()};
  }

  void feed_watchdog() {
    const auto interval = manager_.watchdog_interval();
    if (!interval) return;
    manager_.alive();
    watchdog_.expires_after(*interval);
    watchdog_.async_wait([this](const boost::system::error_code& error) {
      if (!error) feed_watchdog();
    });
  }

  boost::asio::io_context& io_;
  control::Paths paths_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer watchdog_;
  ServiceManager manager_;
  std::unique_ptr<control::ControlServer> control_;
  std::unique_ptr<witness::WitnessServer> server_;
};

}  // namespace

int run_witness(const WitnessRunOptions& options) {
  witness::ServerOptions server;
  if (const Status parsed = parse_listen(options.listen, server); !parsed) return refuse(parsed.error());
  std::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context io{1};
  WitnessDaemon daemon{io, control::Paths{options.root}};
  if (const Status opened = daemon.open(std::move(server)); !opened) return refuse(opened.error());
  log::start_writer();
  daemon.start();
  io.run();
  log::flush(last_lines_limit);
  return 0;
}

}  // namespace clusteragent::daemon
