#include "agent/witness/etcd_messages.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace clusteragent::witness {

using Json = nlohmann::json;
using Response = RegisterConversation::Response;

namespace {

constexpr std::size_t words_max = 160;  // of a foreign text in a problem

Error foreign(std::string_view what) {
  return {ErrorCode::corrupt, fmt::format("the answer is not etcd's ({}): does etcd 3.4 or later listen there?", what)};
}

std::string to_base64(std::string_view plain) {
  std::vector<unsigned char> out(4 * ((plain.size() + 2) / 3) + 1);
  const int length =
      EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
  return {out.begin(), out.begin() + length};
}

std::optional<std::string> from_base64(const std::string& text) {
  if (text.empty()) return std::string{};
  std::vector<unsigned char> out(3 * (text.size() / 4) + 3);
  const int length =
      EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  // EVP_DecodeBlock counts what the padding stands for.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  return std::string{out.begin(), out.begin() + length - static_cast<std::ptrdiff_t>(padding)};
}

template <typename Number>
std::optional<Number> number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return Number{0};
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Json parse(std::string_view body) {
  return Json::parse(body, nullptr, false);
}

Result<Reading> read_header(const Json& root) {
  const auto header = root.is_object() ? root.find("header") : root.end();
  if (header == root.end() || !header->is_object()) return foreign("no header");
  const auto cluster_id = number<std::uint64_t>(*header, "cluster_id");
  const auto revision = number<std::int64_t>(*header, "revision");
  if (!cluster_id || *cluster_id == 0 || !revision || *revision <= 0) return foreign("no cluster_id or revision");
  return Reading{*cluster_id, *revision, 0, {}};
}

/// `range`: of a read, or of the read that stands for a swap that did not take place.
Result<Reading> read_range(Reading reading, const Json& range) {
  const auto found = range.find("kvs");
  if (found == range.end()) return reading;
  if (!found->is_array() || found->size() > 1) return foreign("more than one key");
  if (found->empty()) return reading;
  const Json& pair = found->front();
  if (!pair.is_object()) return foreign("a key that is no object");
  const auto mod_revision = number<std::int64_t>(pair, "mod_revision");
  const auto text = pair.find("value");
  if (!mod_revision || *mod_revision <= 0) return foreign("a key without mod_revision");
  if (text != pair.end() && !text->is_string()) return foreign("a value that is no text");
  const auto value = text == pair.end() ? std::string{} : from_base64(text->get<std::string>());
  if (!value) return foreign("a value that is not base64");
  reading.mod_revision = *mod_revision;
  reading.value = *value;
  return reading;
}

Result<Response> read_transaction(const Reading& reading, const Json& root) {
  const auto succeeded = root.find("succeeded");
  if (succeeded != root.end() && !succeeded->is_boolean()) return foreign("succeeded is no yes or no");
  if (succeeded != root.end() && succeeded->get<bool>()) return Response{reading, true};
  const auto responses = root.find("responses");
  const bool has_one = responses != root.end() && responses->is_array() && responses->size() == 1;
  const Json empty = Json::object();
  const Json& only = has_one ? responses->front() : empty;
  const auto range = only.is_object() ? only.find("response_range") : only.end();
  if (range == only.end() || !range->is_object()) return foreign("a transaction without what it read");
  auto read = read_range(reading, *range);
  if (!read) return read.error();
  return Response{*read, false};
}

std::string words_of(std::string_view body) {
  const Json root = parse(body);
  for (const char* key : {"error", "message"}) {
    if (root.is_object() && root.contains(key) && root[key].is_string()) {
      return root[key].get<std::string>().substr(0, words_max);
    }
  }
  return {};
}

}  // namespace

EtcdMessage encode_etcd(const std::string& key, const RegisterRequest& request) {
  const std::string name = to_base64(key);
  const auto* swap = std::get_if<Swap>(&request);
  if (swap == nullptr) return {"/v3/kv/range", Json{{"key", name}}.dump()};
  const Json compare{
      {"key", name}, {"target", "MOD"}, {"result", "EQUAL"}, {"mod_revision", std::to_string(swap->mod_revision)}};
  const Json put{{"request_put", {{"key", name}, {"value", to_base64(swap->value)}}}};
  const Json range{{"request_range", {{"key", name}}}};
  return {"/v3/kv/txn",
          Json{{"compare", Json::array({compare})}, {"success", Json::array({put})}, {"failure", Json::array({range})}}
              .dump()};
}

Result<Response> decode_etcd(const RegisterRequest& request, std::string_view body) {
  const Json root = parse(body);
  const auto reading = read_header(root);
  if (!reading) return reading.error();
  if (std::holds_alternative<Swap>(request)) return read_transaction(*reading, root);
  auto read = read_range(*reading, root);
  if (!read) return read.error();
  return Response{*read, false};
}

EtcdMessage encode_etcd_login(const std::string& user, const std::string& password) {
  return {"/v3/auth/authenticate", Json{{"name", user}, {"password", password}}.dump()};
}

Result<std::string> decode_etcd_login(std::string_view body) {
  const Json root = parse(body);
  const bool has_token = root.is_object() && root.contains("token") && root["token"].is_string();
  if (!has_token) return foreign("no token");
  return root["token"].get<std::string>();
}

std::string describe_etcd_failure(unsigned status, std::string_view body) {
  const std::string words = words_of(body);
  const auto says = [&words](const char* part) { return words.find(part) != std::string::npos; };
  if (words.empty()) return fmt::format("HTTP status {}: does etcd 3.4 or later listen there?", status);
  std::string remedy;
  if (says("database space exceeded")) {
    remedy = ": compact and defragment etcd, disarm its alarm, and switch automatic compaction on";
  } else if (says("user name is empty") || says("permission denied") || says("authentication failed")) {
    remedy = ": give etcd_user_file a user that may read and write below the prefix";
  } else if (says("no leader") || says("timed out")) {
    remedy = ": has etcd lost its majority?";
  }
  return words + remedy;
}

bool is_etcd_login_over(unsigned status, std::string_view body) {
  return status != 200 && words_of(body).find("invalid auth token") != std::string::npos;
}

}  // namespace clusteragent::witness
