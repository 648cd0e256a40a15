#pragma once
// Threads that do what the decision thread may not wait for.
#include <functional>
#include <string>
#include <thread>

namespace clusteragent::platform {

/// Starts `body` on a thread of that name (15 characters are kept) with every signal blocked: signals belong to the
/// decision thread. The caller joins it.
std::thread start_worker_thread(const std::string& name, std::function<void()> body);

}  // namespace clusteragent::platform
