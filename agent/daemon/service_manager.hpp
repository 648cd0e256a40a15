#pragma once
// What systemd wants to hear of a Type=notify service (sd_notify(3)): a datagram to $NOTIFY_SOCKET. Silent where the
// variable is not set. Decision thread; never blocks.
#include <optional>
#include <string>

#include "agent/base/time.hpp"

namespace clusteragent::daemon {

class ServiceManager {
 public:
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready();
  void stopping();
  void alive();
  void status(const std::string& text);
  /// Half of $WATCHDOG_USEC: how often alive() is wanted; nullopt: there is no watchdog.
  std::optional<Duration> watchdog_interval() const { return watchdog_interval_; }

 private:
  void send(const std::string& message);

  int socket_ = -1;
  std::string address_;
  std::optional<Duration> watchdog_interval_;
};

}  // namespace clusteragent::daemon
