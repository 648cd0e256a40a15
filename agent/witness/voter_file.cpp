#include "agent/witness/voter_file.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "agent/wire/witness_frame.hpp"
#include "agent/witness/sealed_text.hpp"

namespace clusteragent::witness {
namespace {

constexpr std::string_view heading = "clusteragent-witness-state 1";
constexpr std::string_view suffix = ".state";
constexpr std::size_t hex_digits = 16;

Error refused(const std::string& path, const std::string& what) {
  return Error{
      ErrorCode::corrupt,
      fmt::format("{}: {}. This witness no longer knows how it voted and serves the module no more. While both "
                  "nodes of the module hear each other, move the file away (mv {} {}.damaged) and restart "
                  "clusteragent-witness",
                  path, what, path, path)};
}

std::optional<std::uint64_t> read_hex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (failure != std::errc{} || end != text.data() + text.size() || hex(number) != text) return std::nullopt;
  return number;
}

}  // namespace

std::string hex(std::uint64_t number) {
  return fmt::format("{:016x}", number);
}

std::string stem_of(const ModuleId& id) {
  return fmt::format("{}-{}", hex(id.key_id), hex(id.module_hash));
}

std::optional<ModuleId> id_of_state_file(const std::string& name) {
  const std::string_view text{name};
  if (text.size() != 2 * hex_digits + 1 + suffix.size() || !text.ends_with(suffix) || text[hex_digits] != '-') {
    return std::nullopt;
  }
  const auto key_id = read_hex(text.substr(0, hex_digits));
  const auto module_hash = read_hex(text.substr(hex_digits + 1, hex_digits));
  if (!key_id || !module_hash) return std::nullopt;
  return ModuleId{*key_id, *module_hash};
}

std::string state_path(const std::string& directory, const ModuleId& id) {
  return fmt::format("{}/{}{}", directory, stem_of(id), suffix);
}

std::string encode_voter(const core::VoterState& state) {
  const core::Record& record = state.record;
  return seal(heading, {{"epoch", fmt::to_string(record.epoch.value())},
                        {"revision", fmt::to_string(record.revision.value())},
                        {"holder", fmt::to_string(record.holder.value())},
                        {"sync_set", fmt::to_string(record.sync_set.bits)},
                        {"voted_epoch", fmt::to_string(state.voted_epoch.value())},
                        {"voted_for", fmt::to_string(state.voted_for.value())},
                        {"lease_max_ns", fmt::to_string(state.lease_max.count())}});
}

Result<core::VoterState> decode_voter(const std::string& text, const std::string& path) {
  const auto values =
      unseal(heading, {"epoch", "revision", "holder", "sync_set", "voted_epoch", "voted_for", "lease_max_ns"}, text);
  if (!values) return refused(path, values.error().message);
  const std::vector<std::string>& value = *values;
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  std::uint8_t holder = 0;
  std::uint8_t sync_set = 0;
  std::uint64_t voted_epoch = 0;
  std::uint8_t voted_for = 0;
  std::int64_t lease_max = 0;
  const bool is_read = read_number(value[0], epoch) && read_number(value[1], revision) &&
                       read_number(value[2], holder) && read_number(value[3], sync_set) &&
                       read_number(value[4], voted_epoch) && read_number(value[5], voted_for) &&
                       read_number(value[6], lease_max);
  // A longer lease was never given, and the sum with a time of it could overflow: no silence at all after a reboot.
  const bool is_lease = lease_max >= 0 && Duration{lease_max} <= wire::witness_lease_max;
  const bool is_sane = is_read && holder <= 1 && sync_set >= 1 && sync_set <= 3 && voted_for <= 1 && is_lease;
  if (!is_sane) return refused(path, "a value is impossible");
  core::VoterState state;
  state.record = {Epoch{epoch}, Revision{revision}, NodeId{holder}, core::NodeSet{sync_set}};
  state.voted_epoch = Epoch{voted_epoch};
  state.voted_for = NodeId{voted_for};
  state.lease_max = Duration{lease_max};
  return state;
}

Result<std::optional<core::VoterState>> load_voter(const std::string& path) {
  const auto text = read_small_file(path);
  if (!text) return text.error();
  if (!*text) return std::optional<core::VoterState>{};
  auto state = decode_voter(**text, path);
  if (!state) return state.error();
  return std::optional{*state};
}

}  // namespace clusteragent::witness
