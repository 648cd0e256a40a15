#pragma once
// Succession: what the agent keeps of a primary's engine, so that the next one can take its place should it die, while
// the application waits and knows nothing of it (filesync/engine/engine_take_over.cpp); and whether that is to be
// tried. While the agent keeps a mount's device the kernel lets the application wait, so it is let go of as soon as
// nobody is going to serve it: then what the application tries fails at once.
//
// Ownership: of the descriptors. Threads: one. No I/O but closing.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/data/engine_protocol.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::data {

// Whoever died of a request dies of it again: the second time everything is started anew, within the module's budget.
inline constexpr std::chrono::seconds succession_pause_min{60};
// A server that waits longer for its disk is better started again.
inline constexpr std::chrono::seconds take_over_limit{10};
// So many messages fit into the socket of an engine that does not listen yet.
inline constexpr std::size_t kept_max = 4096;

class Succession {
 public:
  struct Kept {
    Json about;
    std::vector<platform::Fd> descriptors;
  };

  void keep(const std::string& key, Json about, std::vector<platform::Fd> descriptors);
  void drop(const std::string& key) { kept_.erase(key); }
  void drop_all() { kept_.clear(); }
  const std::map<std::string, Kept>& kept() const { return kept_; }

  /// The engine leads, and whether it may acknowledge alone; nothing: it does not lead.
  void set_leading(std::optional<bool> is_solo) { is_solo_ = is_solo; }
  void set_solo(bool is_solo) {
    if (is_solo_) is_solo_ = is_solo;
  }
  bool is_leading() const { return is_solo_.has_value(); }
  bool is_solo() const { return is_solo_.value_or(false); }

  /// At the end of the engine, when it owes no answer.
  bool may_take_over(Instant now) const;
  void begin(Instant now);
  bool is_under_way() const { return is_under_way_; }
  void failed();
  /// Returns how long the application waited.
  Duration succeeded(Instant now);
  std::uint64_t count() const { return count_; }

 private:
  std::map<std::string, Kept> kept_;
  std::optional<bool> is_solo_;
  std::optional<Instant> began_;
  bool is_under_way_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace clusteragent::data
