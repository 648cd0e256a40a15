// Whether the mounts still answer, as the agent asks now and then (`checkintv`, `checktime` of <rfs>).
#include <fmt/format.h>
#include <sys/vfs.h>

#include <algorithm>

#include "agent/data/filesync/engine/engine.hpp"

namespace clusteragent::filesync {

void Engine::check(std::uint64_t token, Duration limit) {
  // No answer to the former one yet: another thread would wait beside it.
  if (is_checking_.exchange(true)) return;
  if (checking_.joinable()) checking_.join();
  std::vector<std::shared_ptr<fuse::Session>> sessions;
  {
    const std::lock_guard lock{mutex_};
    for (const Mirror& mirror : mirrors_) {
      if (mirror.session) sessions.push_back(mirror.session);
    }
  }
  std::vector<std::string> paths;
  for (const data::EngineDirectory& each : options_->directories) paths.push_back(each.path);
  // Through the mount, as an application would: one that hangs holds this thread, and the answer does not come.
  checking_ = std::thread{[this, token, limit, sessions = std::move(sessions), paths = std::move(paths)] {
    struct statfs ignored {};
    for (const std::string& path : paths) static_cast<void>(::statfs(path.c_str(), &ignored));
    Duration longest{};
    for (const auto& session : sessions) longest = std::max(longest, session->longest_under_way());
    tell(
        {{"is", "finished"},
         {"token", token},
         {"ok", longest <= limit},
         {"detail", longest <= limit ? std::string{}
                                     : fmt::format("a request of the application is under way for {} s: the disk hangs",
                                                   to_milliseconds(longest) / 1000)}});
    is_checking_ = false;
  }};
}

}  // namespace clusteragent::filesync
