#pragma once
// Requests of the control socket: from a line of JSON to values, and answers. Pure; any thread; nothing throws,
// whatever the line holds. The protocol is written down in server.hpp.
#include <string>
#include <string_view>
#include <variant>

#include "agent/base/result.hpp"
#include "agent/base/time.hpp"
#include "agent/control/status.hpp"
#include "agent/core/types.hpp"

namespace clusteragent::control {

/// The longest request is a message for the log, every byte of it escaped.
constexpr std::size_t request_bytes_max = 64 * 1024;
/// One line of the log that a script asks for.
constexpr std::size_t message_bytes_max = 4096;
/// Who asks, by `-i` or as a user.
constexpr std::size_t identity_bytes_max = 128;

struct StatusRequest {};
struct OperateRequest {
  core::Verb verb = core::Verb::start;
  bool force = false;
  std::string identity;
  std::string asked_by;
  Duration lasts{};  // of maintenance-on
};
struct PrintRequest {
  char level = 'I';  // I, W or E
  std::string text;
};
/// Reads the cluster keys again.
struct ReloadKeysRequest {};
/// Compares both copies of the replicated directory.
struct VerifyRequest {
  bool repairs = false;
  std::string asked_by;
};
using Request = std::variant<StatusRequest, OperateRequest, PrintRequest, ReloadKeysRequest, VerifyRequest>;

struct Parsed {
  std::string node;  // which node the caller believes to talk to; empty: any
  Request request;
};
/// The error is the answer.
Result<Parsed> parse_request(std::string_view line);

Json refusal(const Error& error);
/// Without the line end.
std::string to_line(const Json& answer);

/// What may stand in a log line or on a terminal: control characters and ill-formed UTF-8 become '?', tabs blanks; line
/// ends stay when `keeps_lines`; cut at `bytes_max`.
std::string printable(std::string_view text, std::size_t bytes_max, bool keeps_lines = false);

}  // namespace clusteragent::control
