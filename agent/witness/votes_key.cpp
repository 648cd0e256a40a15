#include "agent/witness/votes_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "agent/witness/sealed_text.hpp"
#include "agent/witness/voter_file.hpp"

namespace clusteragent::witness {
namespace {

constexpr std::string_view heading = "clusteragent-witness-votes 1";
constexpr int hexadecimal = 16;

std::string path_of(const std::string& directory, std::uint64_t key) {
  return fmt::format("{}/{}.votes", directory, hex(key));
}

Result<std::optional<std::uint64_t>> load(const std::string& directory, std::uint64_t key) {
  const std::string path = path_of(directory, key);
  const auto text = read_small_file(path);
  if (!text) return text.error();
  if (!*text) return std::optional<std::uint64_t>{};
  const auto values = unseal(heading, {"votes_key"}, **text);
  std::uint64_t votes = 0;
  if (values) {
    const std::string& digits = values->front();
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), votes, hexadecimal);
    if (failure == std::errc{} && end == digits.data() + digits.size() && digits == hex(votes)) {
      return std::optional{votes};
    }
  }
  return Error{ErrorCode::corrupt,
               fmt::format("{} is damaged ({}): nobody knows which votes belong to this key. Restore it from a backup; "
                           "or, while both nodes of every module hear each other, remove it",
                           path, values ? "no key id" : values.error().message)};
}

Result<std::vector<std::uint64_t>> keys_with_votes(const std::string& directory) {
  std::vector<std::uint64_t> found;
  std::error_code error;
  std::filesystem::directory_iterator files{directory, error};
  for (const std::filesystem::directory_iterator end; !error && files != end; files.increment(error)) {
    if (const auto id = id_of_state_file(files->path().filename())) found.push_back(id->key_id);
  }
  if (error) return Error{ErrorCode::system, fmt::format("cannot read {}: {}", directory, error.message())};
  return found;
}

}  // namespace

Result<std::uint64_t> settle_votes_key(const std::string& directory, const std::vector<std::uint64_t>& keys,
                                       const std::vector<std::uint64_t>& voting) {
  auto with_votes = keys_with_votes(directory);
  if (!with_votes) return with_votes.error();
  with_votes->insert(with_votes->end(), voting.begin(), voting.end());
  std::optional<std::uint64_t> home;
  std::vector<std::uint64_t> unsettled;
  for (const std::uint64_t key : keys) {
    auto leads_to = load(directory, key);
    if (!leads_to) return leads_to.error();
    if (!*leads_to) unsettled.push_back(key);
    const bool votes_itself = std::find(with_votes->begin(), with_votes->end(), key) != with_votes->end();
    if (!*leads_to && votes_itself) *leads_to = key;
    if (!*leads_to) continue;
    if (home && *home != **leads_to) {
      return Error{
          ErrorCode::configuration,
          fmt::format("its keys lead to the votes of two clusters ({} and {}): a key that was in use "
                      "elsewhere cannot become the next one here; make another with clusteragent keygen --next",
                      hex(*home), hex(**leads_to))};
    }
    home = *leads_to;
  }
  if (!home) home = keys.front();
  for (const std::uint64_t key : unsettled) {
    if (key == *home) continue;
    const auto written = replace_file(path_of(directory, key), seal(heading, {{"votes_key", hex(*home)}}), true);
    if (written.outcome != Replaced::done) return Error{ErrorCode::system, written.problem};
  }
  return *home;
}

}  // namespace clusteragent::witness
