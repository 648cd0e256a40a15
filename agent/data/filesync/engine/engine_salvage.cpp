// When what a copy overwrites is kept, and what the status says about it.
#include <fmt/format.h>
#include <sys/stat.h>

#include "agent/data/filesync/engine/engine.hpp"
#include "agent/data/filesync/salvage/salvage.hpp"
#include "agent/data/filesync/store/kept_file.hpp"

namespace clusteragent::filesync {
namespace {

// The tenure whose writes were kept: later copies overwrite the primary's own.
constexpr const char* salvaged_name = "salvaged_epoch";

}  // namespace

std::shared_ptr<Salvage> Engine::salvage(std::uint64_t diverged_epoch) {
  const bool is_diverged =
      diverged_epoch != 0 && kept_file(options_->state_path, salvaged_name) != std::to_string(diverged_epoch);
  bool is_tampered = false;
  {
    const std::lock_guard lock{mutex_};
    is_tampered = !tampered_.is_null();
  }
  if ((!is_diverged && !is_tampered) || options_->salvage_bytes_max == 0) return nullptr;
  std::string why;
  if (is_diverged)
    why = fmt::format("written under epoch {} beside a newer primary, which this node then followed", diverged_epoch);
  if (is_tampered) why += (why.empty() ? "" : "; ") + std::string{"changed while the module was stopped on this node"};
  SalvageEvents events;
  events.note = leader_events().note;
  events.over = [this, diverged_epoch, is_diverged] {
    if (!is_diverged) return;
    const Status kept = keep_file(options_->state_path, salvaged_name, std::to_string(diverged_epoch));
    if (!kept) tell({{"is", "note"}, {"level", "E"}, {"text", kept.error().message}});
  };
  SalvageOptions options{options_->state_path + "/salvage", {}, why, options_->salvage_bytes_max};
  for (std::size_t at = 0; at < mirrors_.size(); ++at)
    options.directories.push_back({options_->directories[at].path, mirrors_[at].root.number()});
  return std::make_shared<Salvage>(std::move(options), std::move(events));
}

data::Json Engine::salvaged() {
  const std::string folder = options_->state_path + "/salvage";
  struct stat of {};
  if (::stat(folder.c_str(), &of) != 0) return {};
  // A set that came or went changes the folder; what one holds, only while it is written.
  const std::int64_t changed_ns = std::int64_t{of.st_mtim.tv_sec} * 1'000'000'000 + of.st_mtim.tv_nsec;
  if (changed_ns == salvage_changed_ns_ && !is_salvaging_) return salvaged_;
  salvage_changed_ns_ = changed_ns;
  is_salvaging_ = false;
  std::uint64_t sets = 0;
  std::uint64_t bytes = 0;
  for (const SalvageSet& set : salvage_sets(folder)) {
    sets++;
    bytes += set.bytes;
    is_salvaging_ = is_salvaging_ || set.state == "writing";
  }
  salvaged_ = sets == 0 ? data::Json{} : data::Json{{"sets", sets}, {"bytes", bytes}};
  return salvaged_;
}

}  // namespace clusteragent::filesync
