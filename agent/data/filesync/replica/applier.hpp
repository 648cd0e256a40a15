#pragma once
// Applier: does on this node's disk what the stream says, in its order. The first part of a stream is the primary's
// tree, to which this one is made equal; until the copy has ended the directory is no state that the primary ever had.
//
// Threads: one at a time. Errors: text for the operator; the stream cannot go on.
#include <functional>
#include <optional>

#include <string>
#include <unordered_map>

#include "agent/base/result.hpp"
#include "agent/data/filesync/replica/checker.hpp"
#include "agent/data/filesync/replica/tree.hpp"
#include "agent/data/filesync/wire/payload.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class Salvage;

struct ApplierDuties {
  /// On disk when it returns: whether the directory is a state that the primary had.
  std::function<Status(bool)> set_consistent;
  std::function<void(const Head&, std::span<const std::byte>)> answer;
  Salvage* salvage = nullptr;  // gets what a copy overwrites; null: nothing is kept
};

class Applier {
 public:
  /// `root` is the backing directory.
  Applier(int root, ApplierDuties duties) : root_{root}, duties_{std::move(duties)} {}

  std::string apply(const Head& head, std::span<const std::byte> payload);
  Sequence applied() const { return applied_; }

 private:
  std::string dispatch(const Head& head, std::span<const std::byte> payload);
  std::string apply_name(const Head& head, std::span<const std::byte> payload);
  std::string apply_data(const Head& head, std::span<const std::byte> payload);
  std::string create(const Head& head, std::span<const std::byte> payload);
  std::string compare(const Head& head, std::span<const std::byte> payload);
  std::string begin_manifest();
  std::string end_manifest();
  std::string end_copy(const Head& head);

  int root_;
  ApplierDuties duties_;
  Sequence applied_;
  std::vector<ManifestEntry> manifest_;
  ReplicaFiles files_;
  std::vector<std::byte> buffer_;
  Checker checker_{files_, duties_.answer};
};

}  // namespace clusteragent::filesync
