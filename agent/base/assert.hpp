#pragma once
// Assertions stay on in release: a broken assumption ends the agent, the guard drops the VIP and the peer takes over,
// which is safer than going on with a state nobody foresaw.
namespace clusteragent {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define CLUSTERAGENT_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::clusteragent::assertion_failed(#expression, __FILE__, __LINE__))
