#pragma once
// Checker: the replica's side of a verification: compares what it has with what the primary said it had at this place
// of the stream, answers each question, and does the repairs that the primary asks for. Nothing of it makes the copy
// incomplete: it goes on being applied meanwhile.
//
// Threads: the Applier's. Errors: text for the operator; the stream cannot go on.
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agent/data/filesync/replica/tree.hpp"
#include "agent/data/filesync/wire/verify_payload.hpp"

namespace clusteragent::filesync {

class Checker {
 public:
  using Answer = std::function<void(const Head&, std::span<const std::byte>)>;
  /// The directories are those of the Applier, by their numbers.
  Checker(const std::vector<Directory>& directories, ReplicaFiles& files, Answer answer)
      : directories_{directories}, files_{files}, answer_{std::move(answer)} {}

  static bool knows(Op op);
  std::string handle(const Head& head, std::span<const std::byte> payload);

 private:
  std::string check_names(const Head& head, std::span<const std::byte> payload);
  std::string check_entry(const Head& head, std::span<const std::byte> payload);
  std::string check_data(const Head& head, std::span<const std::byte> payload);
  std::vector<std::uint32_t> blocks_not_equal(const Head& head, int file, std::span<const std::byte> hashes);
  std::vector<std::uint32_t> blocks_not_zero(const Head& head, int file);
  std::string repair(const Head& head, std::span<const std::byte> payload);
  void reply(const Head& head, std::span<const std::byte> payload);
  NamesAnswer compare_folder(const Directory& directory, int folder) const;
  static bool is_excluded(const Directory& directory, int folder, const std::string& name);

  const std::vector<Directory>& directories_;
  ReplicaFiles& files_;
  Answer answer_;
  std::map<std::string, FileId> names_;  // of the folder in question, as far as they have come
  std::vector<std::byte> buffer_;
};

}  // namespace clusteragent::filesync
