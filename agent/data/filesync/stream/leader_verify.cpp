// The verification: when there is one, and how its repairs go into the stream.
#include "agent/base/assert.hpp"
#include "agent/data/filesync/stream/leader.hpp"
#include "agent/data/filesync/stream/verifier.hpp"

namespace clusteragent::filesync {

std::shared_ptr<Verifier> Leader::current_verifier() {
  const std::lock_guard lock{mutex_};
  return verifier_;
}

Status Leader::verify(bool repairs, std::vector<std::string> prefixes) {
  const std::shared_ptr<Verifier> former = current_verifier();
  if (former && former->is_running())
    return Error{ErrorCode::refused, "a verification is under way: clusteragent status shows how far it is"};
  if (former) former->end("");
  // Reads this leader's progress, and is made before the lock is taken.
  auto verifier = std::make_shared<Verifier>(*this, directories_, std::move(prefixes), repairs, events_.verified);
  const std::lock_guard lock{mutex_};
  if (ledger_.mode() == Mode::copying) {
    return Error{ErrorCode::refused,
                 "a copy to the other node is under way, which compares everything as well; wait until the other copy "
                 "is up to date"};
  }
  if (ledger_.mode() != Mode::both || !may_verify_) {
    return Error{ErrorCode::refused,
                 "the other copy is not up to date or not reached: it is compared and copied when the other node is "
                 "back; start it there"};
  }
  verifier_ = std::move(verifier);
  verifier_->start();
  return success();
}

std::optional<VerifyReport> Leader::verification() {
  const std::shared_ptr<Verifier> verifier = current_verifier();
  return verifier && verifier->is_running() ? std::optional{verifier->report()} : std::nullopt;
}

void Leader::end_verification(const std::string& reason) {
  std::shared_ptr<Verifier> verifier;
  {
    const std::lock_guard lock{mutex_};
    may_verify_ = false;
    verifier.swap(verifier_);
  }
  if (verifier) verifier->end(reason);
}

void Leader::append_repair(const Head& head, std::span<const std::byte> payload) {
  // The other node may be lost before the repair is on its disk; what is marked is copied when it returns.
  if (head.op != Op::repair_name) return mark_and_append(head, payload, head, payload);
  const auto entry = unpack_manifest_entry(payload);
  CLUSTERAGENT_ASSERT(entry);
  const Packer name = pack_name(entry->made.name);
  mark_and_append({.op = Op::remove, .offset = head.file.value()}, name.bytes(), head, payload);
}

void Leader::mark_and_append(const Head& touched, std::span<const std::byte> touched_payload, const Head& head,
                             std::span<const std::byte> payload) {
  announce(touched, touched_payload);
  {
    const std::lock_guard lock{mutex_};
    regions_.mark(touched, touched_payload);
  }
  append(head, payload, false);
}

}  // namespace clusteragent::filesync
