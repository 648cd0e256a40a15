#include "agent/platform/linux/thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace clusteragent::platform {
namespace {

constexpr std::size_t thread_name_max = 15;  // pthread_setname_np(3)

}  // namespace

std::thread start_worker_thread(const std::string& name, std::function<void()> body) {
  sigset_t everything;
  sigset_t before;
  ::sigfillset(&everything);
  // Inherited from here, so that no signal can slip in before the new thread has blocked it.
  ::pthread_sigmask(SIG_SETMASK, &everything, &before);
  std::thread thread{std::move(body)};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), name.substr(0, thread_name_max).c_str());
  return thread;
}

}  // namespace clusteragent::platform
