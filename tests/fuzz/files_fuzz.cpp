// Anything at all as a file that a node or a witness finds of itself after a crash: the module's state, a voter's
// votes, a promise. What is accepted must be what its own encoding reads, and within bounds that the arithmetic on it
// needs. The second run puts the right heading and checksum on the bytes, because no mutation would ever find those.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/assert.hpp"
#include "agent/daemon/state_file.hpp"
#include "agent/wire/witness_frame.hpp"
#include "agent/witness/promise_file.hpp"
#include "agent/witness/sealed_text.hpp"
#include "agent/witness/voter_file.hpp"

namespace {

using namespace clusteragent;

void check_state(const std::string& text) {
  const auto state = daemon::decode_state(text, "f");
  if (!state) return;
  CLUSTERAGENT_ASSERT(state->restart_window_left >= Duration::zero());
  const auto again = daemon::decode_state(daemon::encode_state(*state), "f");
  CLUSTERAGENT_ASSERT(again && daemon::encode_state(*again) == daemon::encode_state(*state));
}

void check_voter(const std::string& text) {
  const auto state = witness::decode_voter(text, "f");
  if (!state) return;
  CLUSTERAGENT_ASSERT(state->lease_max >= Duration::zero() && state->lease_max <= wire::witness_lease_max);
  const auto again = witness::decode_voter(witness::encode_voter(*state), "f");
  CLUSTERAGENT_ASSERT(again && *again == *state);
}

// A promise is read from a file, so it gets one that never was on a disk.
void check_promise(const std::string& text) {
  static const int memory = ::memfd_create("promise", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(memory);
  CLUSTERAGENT_ASSERT(::ftruncate(memory, 0) == 0);
  CLUSTERAGENT_ASSERT(::pwrite(memory, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  const auto carried = witness::PromiseFile{path, "boot"}.load();
  CLUSTERAGENT_ASSERT(carried.is_known || !carried.promise);
  CLUSTERAGENT_ASSERT(!carried.promise || carried.promise->holder.value() <= 1);
}

std::string sealed(std::string_view heading, std::string_view body) {
  std::string text{heading};
  text += '\n';
  text += body;
  constexpr std::string_view digits = "0123456789abcdef";
  std::uint64_t checksum = XXH64(text.data(), text.size(), 0);
  std::string written(16, '0');
  for (auto digit = written.rbegin(); digit != written.rend(); ++digit, checksum >>= 4U)
    *digit = digits[checksum & 15U];
  return text + "checksum=" + written + "\n";
}

void check(const std::string& text) {
  check_state(text);
  check_voter(text);
  check_promise(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  check(text);
  for (const char* heading :
       {"clusteragent-state 1", "clusteragent-witness-state 1", "clusteragent-witness-promise 1"}) {
    check(sealed(heading, text));
  }
  return 0;
}
