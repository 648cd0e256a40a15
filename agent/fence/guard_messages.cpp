#include "agent/fence/guard_messages.hpp"

#include <algorithm>
#include <cstring>

namespace clusteragent::fence {
namespace {

class Writer {
 public:
  explicit Writer(ToGuard kind) {
    message_.reserve(usual_bytes);
    number(kind);
  }

  template <typename Number>
  Writer& number(Number value) {
    return raw(&value, sizeof value);
  }
  Writer& bytes(const void* data, std::size_t size) {
    number(static_cast<std::uint32_t>(size));
    return raw(data, size);
  }
  Writer& string(const std::string& text) { return bytes(text.c_str(), text.size() + 1); }
  Writer& strings(const std::vector<std::string>& list) {
    number(static_cast<std::uint32_t>(list.size()));
    for (const std::string& one : list) string(one);
    return *this;
  }
  GuardMessage take() { return std::move(message_); }

 private:
  Writer& raw(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    message_.insert(message_.end(), first, first + size);
    return *this;
  }
  static constexpr std::size_t usual_bytes = 1024;
  GuardMessage message_;
};

}  // namespace

GuardMessage config_message(const GuardOptions& options, int agent) {
  return Writer{ToGuard::config}
      .number(guard_protocol_version)
      .number(static_cast<std::int32_t>(agent))
      .number(static_cast<std::int64_t>(options.drop_after.count()))
      .number(static_cast<std::int64_t>(options.stop_after.count()))
      .number(static_cast<std::int64_t>(options.stop_limit.count()))
      .number(static_cast<std::int32_t>(options.watchdog_timeout.count()))
      .string(options.watchdog_device)
      .string(options.lock_path)
      .string(options.stop_directory)
      .strings(options.stop_command)
      .strings(options.stop_environment)
      .take();
}

GuardMessage plan_message(const std::vector<platform::KernelMessage>& plan) {
  Writer out{ToGuard::plan};
  out.number(static_cast<std::uint32_t>(plan.size()));
  for (const platform::KernelMessage& one : plan) {
    out.number(static_cast<std::uint32_t>(one.protocol)).bytes(one.bytes.data(), one.bytes.size());
  }
  return out.take();
}

GuardMessage release_message(Epoch epoch, const std::vector<ReleaseDatagram>& datagrams) {
  Writer out{ToGuard::release};
  out.number(epoch.value()).number(static_cast<std::uint32_t>(datagrams.size()));
  for (const ReleaseDatagram& one : datagrams) {
    out.bytes(one.to.data(), one.to.size()).bytes(one.bytes.data(), one.bytes.size());
  }
  return out.take();
}

GuardMessage permit_message(const GuardState& state) {
  GuardPermitMessage message;
  message.holds = (state.holds_vip ? holds_vip : 0) | (state.service_may_run ? holds_service : 0);
  message.epoch = state.epoch.value();
  message.until = state.until.nanoseconds();
  GuardMessage bytes(sizeof message);
  std::memcpy(bytes.data(), &message, sizeof message);
  return bytes;
}

GuardMessage goodbye_message() {
  return Writer{ToGuard::goodbye}.take();
}

GuardMessage handover_message(Instant until, const std::string& path) {
  return Writer{ToGuard::handover}.number(until.nanoseconds()).string(path).string(path + handover_taken_suffix).take();
}

std::optional<GuardReport> parse_report(std::span<const std::byte> message) {
  GuardReport report;
  if (message.size() != sizeof report) return std::nullopt;
  std::memcpy(&report, message.data(), sizeof report);
  if (report.kind < ToAgent::armed || report.kind > ToAgent::watchdog) return std::nullopt;
  if (std::find(std::begin(report.text), std::end(report.text), '\0') == std::end(report.text)) return std::nullopt;
  return report;
}

}  // namespace clusteragent::fence
