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
#include "agent/data/filesync/ledger/intake.hpp"
#include "agent/data/filesync/replica/checker.hpp"
#include "agent/data/filesync/replica/tree.hpp"
#include "agent/data/filesync/store/descriptor_limit.hpp"
#include "agent/data/filesync/wire/payload.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::filesync {

class Salvage;

struct ApplierDuties {
  /// On disk when it returns: whether the directory is a state that the primary had.
  std::function<Status(bool)> set_consistent;
  /// This copy is of the history that the primary goes on with.
  std::function<bool()> has_history_of_primary;
  /// On disk when it returns: it is (true), or nothing is known (false).
  std::function<Status(bool)> set_history_of_primary;
  /// What this node changed itself, by its own numbers, where the primary counts on it.
  std::function<Marks()> own_marks;
  std::function<void(const Head&, std::span<const std::byte>)> answer;
  Salvage* salvage = nullptr;  // gets what a copy overwrites; null: nothing is kept
  /// Answered with `durable` later.
  std::function<void(Sequence)> flush;
};

class Applier {
 public:
  Applier(std::vector<Directory> directories, ApplierDuties duties)
      : directories_{std::move(directories)},
        duties_{std::move(duties)},
        manifests_(directories_.size()),
        files_{directories_, cached_descriptors_max()} {}

  std::string apply(const Head& head, std::span<const std::byte> payload);
  Sequence applied() const { return intake_.applied(); }

 private:
  std::string dispatch(const Head& head, std::span<const std::byte> payload);
  std::string apply_name(const Head& head, std::span<const std::byte> payload);
  std::string apply_data(const Head& head, std::span<const std::byte> payload);
  static std::string apply_contents(const Head& head, int contents, std::span<const std::byte> payload);
  static std::string sync(const ReplicaFile& file, int node);
  std::string create(const Head& head, std::span<const std::byte> payload);
  std::string compare(const Head& head, std::span<const std::byte> payload);
  std::string begin_manifest(const Head& head);
  std::string rename(const Head& head, int from, std::span<const std::byte> payload);
  /// What this node kept for itself in a folder goes with the folder.
  bool clears(int error, FileId folder, int node, const std::string& name) const;
  std::string add_to_manifest(const Head& head, std::span<const std::byte> payload);
  std::string end_manifest();
  std::string tell_doubts(const Doubts& doubts);
  std::string end_copy(const Head& head);

  std::vector<Directory> directories_;
  ApplierDuties duties_;
  Intake intake_;
  bool is_difference_known_ = false;
  std::vector<std::vector<ManifestEntry>> manifests_;  // one a directory
  Marks own_marks_;
  ReplicaFiles files_;
  std::vector<std::byte> buffer_;
  Checker checker_{directories_, files_, duties_.answer};
};

}  // namespace clusteragent::filesync
