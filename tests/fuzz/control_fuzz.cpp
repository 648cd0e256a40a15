// Anything at all as a request of the control socket, and as the text of a key file. What is accepted must be bounded
// and fit for a log line and a terminal; what is refused must be answered by one line that says why.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/assert.hpp"
#include "agent/control/request.hpp"
#include "agent/wire/key_ring.hpp"

namespace {

using namespace clusteragent;

void check_printable(std::string_view text, std::size_t bytes_max) {
  CLUSTERAGENT_ASSERT(text.size() <= bytes_max);
  CLUSTERAGENT_ASSERT(control::printable(text, bytes_max) == text);
  CLUSTERAGENT_ASSERT(std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }));
}

void check_line(const std::string& line) {
  CLUSTERAGENT_ASSERT(line.find('\n') == std::string::npos);
  CLUSTERAGENT_ASSERT(control::Json::parse(line, nullptr, false).is_object());
}

void check_request(std::string_view line) {
  const auto parsed = control::parse_request(line);
  if (!parsed) {
    CLUSTERAGENT_ASSERT(parsed.error().code == ErrorCode::usage && !parsed.error().message.empty());
    return check_line(control::to_line(control::refusal(parsed.error())));
  }
  check_printable(parsed->node, control::identity_bytes_max);
  if (const auto* operate = std::get_if<control::OperateRequest>(&parsed->request)) {
    check_printable(operate->identity, control::identity_bytes_max);
    check_printable(operate->asked_by, control::identity_bytes_max);
  }
  if (const auto* print = std::get_if<control::PrintRequest>(&parsed->request)) {
    check_printable(print->text, control::message_bytes_max);
    CLUSTERAGENT_ASSERT(print->level == 'I' || print->level == 'W' || print->level == 'E');
  }
}

void check_key(std::string_view text) {
  if (const auto key = wire::parse_key(text, "f")) {
    CLUSTERAGENT_ASSERT(*wire::parse_key(wire::format_key(*key), "f") == *key);
  }
  if (const auto previous = wire::parse_previous(text, "f")) {
    CLUSTERAGENT_ASSERT(*wire::parse_previous(wire::format_previous(*previous), "f") == *previous);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  check_request(text);
  check_key(text);
  check_printable(control::printable(text, control::message_bytes_max), control::message_bytes_max);
  check_line(control::to_line(control::Json{{"text", text}}));
  return 0;
}
