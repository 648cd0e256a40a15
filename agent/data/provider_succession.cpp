// An engine of a primary that died, and the one that takes its place while the application waits: succession.hpp.
#include <fmt/format.h>

#include "agent/base/log.hpp"
#include "agent/data/engine_socket.hpp"
#include "agent/data/provider_impl.hpp"
#include "agent/platform/clock.hpp"

namespace clusteragent::data {

void EngineProvider::Impl::take_over() {
  log::event(program.component, "{}; the next one takes its place, and the application waits for it", engine_died);
  succession.begin(platform::boottime_now());
  last_signal = 0;
  for (const auto& [number, answer] : std::exchange(asked, {})) answer(Error{ErrorCode::refused, engine_died});
  take_over_end.expires_after(take_over_limit);
  take_over_end.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->is_closed || !self->succession.is_under_way()) return;
    // The application is not to wait for ever; the rest is done when its end is heard.
    self->succession.drop_all();
    self->end_by_force();
  });
  const Status started = start();
  if (started) return;
  took_over(started);
  start_again();
}

void EngineProvider::Impl::ask_to_take_over() {
  for (const auto& [key, kept] : succession.kept()) {
    std::vector<int> numbers;
    for (const platform::Fd& each : kept.descriptors) numbers.push_back(each.number());
    if (!send_message(socket.native_handle(), {{"do", "hold"}, {"key", key}, {"about", kept.about}}, numbers,
                      MSG_DONTWAIT))
      break;  // what is missing it notices
  }
  const std::uint64_t number = next_asked++;
  asked.emplace(number, [this](const Status& done) { took_over(done); });
  send({{"do", "take_over"}, {"token", number}, {"epoch", epoch.value()}, {"solo", succession.is_solo()}});
}

void EngineProvider::Impl::took_over(const Status& done) {
  take_over_end.cancel();
  reap();
  if (!done) {
    succession.failed();
    log::critical(program.component, "{}, and nobody could take its place ({}); {}", engine_died, done.error().message,
                  program.without);
    return miss();
  }
  const std::int64_t pause_ms = to_milliseconds(succession.succeeded(platform::boottime_now()));
  told_succession = {{"count", succession.count()}, {"signal", last_signal}, {"pause_ms", pause_ms}};
  progress["taken_over"] = told_succession;
  // Of one that ended by itself, or that the kernel has not let go of yet, none is known.
  const std::string signal = last_signal != 0 ? fmt::format(" (signal {})", last_signal) : "";
  log::critical(program.component, "{}{}, and the next one took its place after {} ms; the application went on",
                engine_died, signal, pause_ms);
}

}  // namespace clusteragent::data
