#pragma once
// A VirtualIp on node a of a Lan, with what it reports collected.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "agent/vip/virtual_ip.hpp"
#include "tests/integration/vip/lan.hpp"

namespace clusteragent::testing {

inline constexpr auto patience = std::chrono::seconds{10};

/// One agent's virtual addresses: its own io_context is run by the waiting methods.
class VipNode {
 public:
  VipNode(const Namespace& where, vip::Options options) {
    where.run([&] {
      auto opened = vip::VirtualIp::open(io, std::move(options),
                                         [this](core::Event event) { events.push_back(std::move(event)); });
      if (!opened) throw std::runtime_error{opened.error().message};
      vip = std::move(opened).value();
    });
  }

  /// Runs the io_context until an event of this type (that passes `matches`) was reported, and takes it out.
  template <typename Event>
  std::optional<Event> wait(std::function<bool(const Event&)> matches = {}, Duration limit = patience) {
    std::optional<Event> found;
    run_until(
        [&] {
          for (auto at = events.begin(); at != events.end(); ++at) {
            const Event* event = std::get_if<Event>(&*at);
            if (event == nullptr || (matches && !matches(*event))) continue;
            found = *event;
            events.erase(at);
            return true;
          }
          return false;
        },
        limit);
    return found;
  }

  bool run_until(const std::function<bool()>& holds, Duration limit = patience) {
    return eventually(limit, [&] {
      io.restart();
      io.run_for(std::chrono::milliseconds{1});
      return holds();
    });
  }
  void run_for(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }

  core::ActionFinished acquire() {
    const Token token{++tokens_};
    vip->acquire({token, Epoch{1}});
    return finished(token);
  }
  core::ActionFinished release() {
    const Token token{++tokens_};
    vip->release({token});
    return finished(token);
  }
  core::ActionFinished finished(Token token) {
    const auto end = wait<core::ActionFinished>([token](const auto& event) { return event.token == token; });
    if (!end) ADD_FAILURE() << "no ActionFinished";
    return end.value_or(core::ActionFinished{token, core::Outcome::timed_out, "no answer"});
  }

  boost::asio::io_context io;
  std::vector<core::Event> events;
  std::unique_ptr<vip::VirtualIp> vip;

 private:
  std::uint64_t tokens_ = 0;
};

}  // namespace clusteragent::testing
