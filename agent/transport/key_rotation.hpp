#pragma once
// Changing the cluster key while everything runs: FILE holds the current key, FILE.next the one that is accepted
// already, FILE.previous the one that is accepted until a time that stands in it. The order that has no gap is in
// docs/operating.md. Blocking; for start-up, the command line and a thread that may wait for the disk. A crash between
// two steps leaves files that accept more than they would have to, never less.
#include <string>
#include <vector>

#include "agent/base/result.hpp"
#include "agent/wire/key_ring.hpp"

namespace clusteragent::transport {

std::string next_key_file(const std::string& file);
std::string previous_key_file(const std::string& file);

struct LoadedKeys {
  wire::KeyRing ring;
  /// Why FILE.next or FILE.previous is not among them although it is there.
  std::vector<std::string> problems;
};
/// The error is that of FILE: without a current key there is nothing to run with.
Result<LoadedKeys> load_key_ring(const std::string& file);

/// Makes FILE.next. One that is there is replaced only when `replaces`: other machines may have it already.
Status make_next_key(const std::string& file, bool replaces);
/// FILE becomes FILE.previous, accepted until `until`, and FILE.next becomes FILE. A previous key that is accepted
/// still is given up only when `replaces`.
Status activate_next_key(const std::string& file, wire::UnixSeconds now, wire::UnixSeconds until, bool replaces);
/// False: there was none.
Result<bool> retire_previous_key(const std::string& file);

}  // namespace clusteragent::transport
