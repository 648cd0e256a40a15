// A primary's engine that dies, and one that takes its place while the application goes on. The agent keeps the device
// of each mount, so that the kernel keeps the mount and lets the application wait; the directory behind it; the memory
// of fuse/inheritance.hpp; and the files that are open and have no name any more. It gives all of that to the next
// engine.
//
// What differs between the copies by then the journal knows, as after any crash (README.md, "What differs"): the next
// engine leads on as one that was started again, so what is to be acknowledged waits until the other node is on record
// as out of date, and then it is brought up to date. Nothing else waits: reading and writing go on at once.
//
// In any doubt nothing is taken over, the agent lets go of what it keeps, and the mounts are dead ones.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>

#include "agent/data/engine_socket.hpp"
#include "agent/data/filesync/engine/engine.hpp"

namespace clusteragent::filesync {
namespace {

using data::Json;

constexpr const char* file_prefix = "file ";

std::string key_of_volume(std::size_t at) {
  return fmt::format("volume {}", at);
}

std::string key_of_file(FileId id) {
  return file_prefix + std::to_string(id.value());
}

}  // namespace

void Engine::make_volume(std::size_t at, Stream* stream, std::shared_ptr<fuse::Inheritance> inheritance) {
  Mirror& mirror = mirrors_[at];
  mirror.volume = std::make_unique<fuse::Volume>(
      static_cast<VolumeNumber>(at),
      platform::Fd{::openat(mirror.root.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}, mirror.exclusion, stream,
      descriptors_, std::move(inheritance),
      stream != nullptr ? kept_files() : KeptFiles{[](FileId, int) {}, [](FileId) {}},
      [this, at](const std::string& text) {
        leader_events().note('E', fmt::format("an operation in {} failed: {}", options_->directories[at].path, text));
      });
}

void Engine::hand_over(std::size_t at) {
  const Mirror& mirror = mirrors_[at];
  const std::array descriptors{mirror.session->device(), mirror.root.number(), mirror.inheritance->memory()};
  const Json about = {{"source", mirror.session->source()}};
  has_handed_over_ = true;
  data::send_message(socket_, {{"is", "keep"}, {"key", key_of_volume(at)}, {"about", about}}, descriptors, 0);
}

KeptFiles Engine::kept_files() {
  // An agent that does not listen must not hold up the application: a file that it does not get is lost in a crash, and
  // whoever has it open is told so (ESTALE).
  const auto keep = [this](FileId id, int descriptor) {
    const std::array one{descriptor};
    data::send_message(socket_, {{"is", "keep"}, {"key", key_of_file(id)}, {"about", Json::object()}}, one,
                       MSG_DONTWAIT);
  };
  // Until it is told so, the agent keeps the room of a removed file on the disk: that has to arrive.
  const auto drop = [this](FileId id) { tell({{"is", "drop"}, {"key", key_of_file(id)}}); };
  return {keep, drop};
}

void Engine::take_back_handed() {
  if (std::exchange(has_handed_over_, false)) tell({{"is", "drop_all"}});
}

Status Engine::receive_volumes(std::vector<std::shared_ptr<fuse::Inheritance>>& inheritances) {
  for (std::size_t at = 0; at < mirrors_.size(); ++at) {
    Held& held = held_[key_of_volume(at)];
    if (held.descriptors.size() != 3)
      return Error{ErrorCode::refused, "the agent has not all of what the former engine left"};
    auto inheritance = fuse::Inheritance::take(std::move(held.descriptors[2]));
    if (!inheritance) return inheritance.error();
    if (!(*inheritance)->is_usable()) {
      return Error{ErrorCode::refused,
                   "the kernel does not send a request again (older than 6.9), or the former engine "
                   "could not write down what the kernel knows, or had seen a disk fail"};
    }
    mirrors_[at].root = std::move(held.descriptors[1]);
    inheritances.push_back(std::move(*inheritance));
  }
  return success();
}

Status Engine::restore_volumes(std::vector<std::shared_ptr<fuse::Inheritance>> inheritances) {
  std::vector<std::unordered_map<FileId, platform::Fd>> kept(mirrors_.size());
  for (auto& [key, held] : held_) {
    if (!key.starts_with(file_prefix) || held.descriptors.size() != 1) continue;
    const FileId id{std::stoull(key.substr(std::string_view{file_prefix}.size()))};
    if (volume_of(id) < kept.size()) kept[volume_of(id)].emplace(id, std::move(held.descriptors[0]));
  }
  for (std::size_t at = 0; at < mirrors_.size(); ++at) {
    make_volume(at, leader_.get(), inheritances[at]);
    if (const Status restored = mirrors_[at].volume->restore(std::move(kept[at])); !restored) return restored;
    Held& held = held_[key_of_volume(at)];
    auto session = fuse::Session::take_over(options_->directories[at].path, held.about.at("source"),
                                            std::move(held.descriptors[0]), *mirrors_[at].volume);
    if (!session) return session.error();
    const std::lock_guard lock{mutex_};
    mirrors_[at].session = std::move(*session);
    mirrors_[at].inheritance = inheritances[at];
  }
  return success();
}

Status Engine::take_over(std::uint64_t epoch, bool is_solo) {
  std::vector<std::shared_ptr<fuse::Inheritance>> inheritances;
  Status done = receive_volumes(inheritances);
  Marks known;
  if (done) known = own_marks();
  if (done) done = begin_history();
  if (done) {
    begin_leading(epoch, is_solo, std::move(known));
    done = restore_volumes(std::move(inheritances));
  }
  held_.clear();
  if (!done) {
    let_die();
    return done;
  }
  has_handed_over_ = true;
  // First, so that nobody believes that the other node has what is done from here on.
  if (!is_solo) leader_events().behind("the replication engine died, and the next one brings it up to date");
  for (const Mirror& mirror : mirrors_) mirror.session->start();
  leader_->start();
  return success();
}

void Engine::let_die() {
  // Nothing is unmounted: an application that still runs would write past the mount.
  for (Mirror& mirror : mirrors_) {
    {
      const std::lock_guard lock{mutex_};
      mirror.session.reset();
    }
    mirror.volume.reset();
    mirror.inheritance.reset();
    mirror.root.reset();
  }
  leader_.reset();
  journal_.reset();
}

}  // namespace clusteragent::filesync
