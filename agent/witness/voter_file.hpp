#pragma once
// What a witness must not forget of a module: record, votes, the longest promise. One file a module,
// `<key id>-<module hash>.state`, in the form of sealed_text.hpp. A file that is damaged or of another version is
// refused with its path and remedy and never overwritten: a vote that is forgotten could be given twice.
// Functions without state; load blocks.
#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/core/voter.hpp"

namespace clusteragent::witness {

/// Whose votes they are.
struct ModuleId {
  std::uint64_t key_id = 0;
  std::uint64_t module_hash = 0;
  friend auto operator<=>(const ModuleId&, const ModuleId&) = default;
};

/// Sixteen hexadecimal digits.
std::string hex(std::uint64_t number);
/// `<key id>-<module hash>`: the stem of the module's files.
std::string stem_of(const ModuleId& id);
/// nullopt: not the name of a state file.
std::optional<ModuleId> id_of_state_file(const std::string& name);
std::string state_path(const std::string& directory, const ModuleId& id);

std::string encode_voter(const core::VoterState& state);
Result<core::VoterState> decode_voter(const std::string& text, const std::string& path);
/// nullopt: no vote was ever given.
Result<std::optional<core::VoterState>> load_voter(const std::string& path);

}  // namespace clusteragent::witness
