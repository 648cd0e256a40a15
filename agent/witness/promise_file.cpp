#include "agent/witness/promise_file.hpp"

#include <fmt/format.h>

#include <utility>

#include "agent/witness/sealed_text.hpp"

namespace clusteragent::witness {
namespace {

constexpr std::string_view heading = "clusteragent-witness-promise 1";
constexpr const char* nobody = "none";
constexpr const char* boot_id_path = "/proc/sys/kernel/random/boot_id";

}  // namespace

Result<std::string> machine_boot_id() {
  auto text = read_small_file(boot_id_path);
  if (!text) return text.error();
  if (!*text || (*text)->size() < 2) {
    return Error{ErrorCode::system, fmt::format("{} cannot be read; is /proc mounted?", boot_id_path)};
  }
  std::string id = **text;
  id.resize(id.find_last_not_of('\n') + 1);
  return id;
}

PromiseFile::PromiseFile(std::string path, std::string boot_id)
    : path_{std::move(path)}, boot_id_{std::move(boot_id)} {}

PromiseFile::Carried PromiseFile::load() {
  const auto text = read_small_file(path_);
  if (!text || !*text) return {};
  const auto values = unseal(heading, {"boot", "holder", "until_ns"}, **text);
  if (!values || (*values)[0] != boot_id_) return {};
  const std::string& holder_text = (*values)[1];
  std::uint8_t holder = 0;
  std::int64_t until = 0;
  if (!read_number((*values)[2], until)) return {};
  if (holder_text != nobody) {
    if (!read_number(holder_text, holder) || holder > 1) return {};
    written_ = core::Promise{NodeId{holder}, Instant::from_nanoseconds(until)};
  }
  is_written_ = true;
  return {true, written_};
}

Status PromiseFile::cover(const std::optional<core::Promise>& promise, Duration lease) {
  if (is_written_ && !promise && !written_) return success();
  const bool is_covered =
      is_written_ && promise && written_ && written_->holder == promise->holder && written_->until >= promise->until;
  if (is_covered) return success();
  if (!promise) return write({});
  return write(core::Promise{promise->holder, promise->until + lease});
}

Status PromiseFile::write(const std::optional<core::Promise>& promise) {
  const std::string holder = promise ? fmt::to_string(promise->holder.value()) : nobody;
  const std::int64_t until = promise ? promise->until.nanoseconds() : 0;
  const auto replaced = replace_file(
      path_, seal(heading, {{"boot", boot_id_}, {"holder", holder}, {"until_ns", fmt::to_string(until)}}), false);
  if (replaced.outcome != Replaced::done) return Error{ErrorCode::system, replaced.problem};
  written_ = promise;
  is_written_ = true;
  return success();
}

}  // namespace clusteragent::witness
