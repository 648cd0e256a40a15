#include "agent/control/request.hpp"

#include <fmt/format.h>

#include <array>

#include "agent/core/names.hpp"

namespace clusteragent::control {
namespace {

constexpr std::array verbs{core::Verb::start,           core::Verb::stop,       core::Verb::restart,
                           core::Verb::stopstart,       core::Verb::swap,       core::Verb::prim,
                           core::Verb::second,          core::Verb::hand_over,  core::Verb::maintenance_on,
                           core::Verb::maintenance_off, core::Verb::acknowledge};

constexpr std::uint64_t lasts_seconds_max = 86'400;

Error misunderstood(std::string_view what) {
  return Error{ErrorCode::usage, fmt::format("not a request of this protocol: {}", what)};
}

const std::string* text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::string text_or_empty(const Json& object, const char* key) {
  const std::string* text = text_of(object, key);
  return text == nullptr ? std::string{} : printable(*text, identity_bytes_max);
}

Result<Request> parse_operate(const Json& document) {
  OperateRequest operate;
  const std::string* name = text_of(document, "verb");
  const auto force = document.find("force");
  if (name == nullptr) return misunderstood("operate needs a verb");
  if (force != document.end() && !force->is_boolean()) return misunderstood("force is true or false");
  operate.force = force != document.end() && force->get<bool>();
  operate.identity = text_or_empty(document, "identity");
  operate.asked_by = text_or_empty(document, "asked_by");
  const auto lasts = document.find("lasts_s");
  if (lasts != document.end()) {
    const bool is_sane = lasts->is_number_unsigned() && lasts->get<std::uint64_t>() <= lasts_seconds_max;
    if (!is_sane) return misunderstood(fmt::format("lasts_s is a number of seconds up to {}", lasts_seconds_max));
    operate.lasts = std::chrono::seconds{lasts->get<std::uint64_t>()};
  }
  for (const core::Verb verb : verbs) {
    if (core::name_of(verb) != *name) continue;
    operate.verb = verb;
    return Request{operate};
  }
  return misunderstood(fmt::format("unknown verb {}", printable(*name, identity_bytes_max)));
}

Result<Request> parse_print(const Json& document) {
  const std::string* level = text_of(document, "level");
  const std::string* text = text_of(document, "text");
  if (text == nullptr) return misunderstood("a message needs a text");
  const bool is_known = level != nullptr && (*level == "I" || *level == "W" || *level == "E");
  if (!is_known) return misunderstood("the level of a message is I, W or E");
  return Request{PrintRequest{level->front(), printable(*text, message_bytes_max)}};
}

/// Bytes of a well-formed character at the start (RFC 3629, without the C1 controls); 0: there is none.
std::size_t character_bytes(std::string_view text) {
  const auto octet = [&text](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const unsigned first = octet(0);
  const std::size_t bytes = first < 0x80                    ? 1
                            : first >= 0xC2 && first < 0xE0 ? 2
                            : (first & 0xF0U) == 0xE0       ? 3
                            : first >= 0xF0 && first < 0xF5 ? 4
                                                            : 0;
  for (std::size_t at = 1; at < bytes; ++at) {
    if ((octet(at) & 0xC0U) != 0x80U) return 0;
  }
  const bool is_control = first < 0x20 || first == 0x7F || (first == 0xC2 && octet(1) < 0xA0);
  const bool is_overlong = (first == 0xE0 && octet(1) < 0xA0) || (first == 0xF0 && octet(1) < 0x90);
  const bool is_surrogate = first == 0xED && octet(1) >= 0xA0;
  return is_control || is_overlong || is_surrogate ? 0 : bytes;
}

Result<Request> parse_verify(const Json& document) {
  const auto repair = document.find("repair");
  if (repair != document.end() && !repair->is_boolean()) return misunderstood("repair is true or false");
  return Request{VerifyRequest{repair != document.end() && repair->get<bool>(), text_or_empty(document, "asked_by")}};
}

Result<Request> parse_kind(const std::string& kind, const Json& document) {
  if (kind == "status") return Request{StatusRequest{}};
  if (kind == "operate") return parse_operate(document);
  if (kind == "print") return parse_print(document);
  if (kind == "verify") return parse_verify(document);
  if (kind == "reload_keys") return Request{ReloadKeysRequest{}};
  return misunderstood("this agent knows status, operate, print, verify and reload_keys");
}

}  // namespace

Result<Parsed> parse_request(std::string_view line) {
  const Json document = Json::parse(line, nullptr, false);
  if (!document.is_object()) return misunderstood("it is no JSON object");
  const std::string* kind = text_of(document, "request");
  if (kind == nullptr) return misunderstood("it does not say what it asks for");
  auto request = parse_kind(*kind, document);
  if (!request) return request.error();
  return Parsed{text_or_empty(document, "node"), std::move(*request)};
}

Json refusal(const Error& error) {
  return Json{
      {"ok", false}, {"code", error.code == ErrorCode::usage ? "usage" : "refused"}, {"message", error.message}};
}

// What is not UTF-8 is replaced: scripts print what they like, and a status that cannot be sent helps nobody.
std::string to_line(const Json& answer) {
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string printable(std::string_view text, std::size_t bytes_max, bool keeps_lines) {
  std::string shown;
  while (!text.empty()) {
    const bool is_kept_line_end = keeps_lines && text.front() == '\n';
    const std::size_t bytes = is_kept_line_end ? 1 : character_bytes(text);
    if (shown.size() + std::max<std::size_t>(bytes, 1) > bytes_max) break;
    if (bytes > 0)
      shown += text.substr(0, bytes);
    else
      shown += text.front() == '\t' ? ' ' : '?';
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return shown;
}

}  // namespace clusteragent::control
