#pragma once
// What the questions and answers of a verification carry. Values; no I/O; any thread. A reader returns nothing for what
// is malformed.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/data/filesync/wire/operation.hpp"
#include "agent/data/filesync/wire/packer.hpp"

namespace clusteragent::filesync {

/// A part of a folder's names, as the primary has them, and of which file each is one.
struct VerifiedName {
  std::string name;
  FileId file{};
  friend bool operator==(const VerifiedName&, const VerifiedName&) = default;
};
using VerifiedNames = std::vector<VerifiedName>;

/// How the replica's folder differs.
enum class NameFault : std::uint8_t {  // on the wire: do not renumber
  missing = 1,
  other_file = 2,  // the name is there and is one of another file
  extra = 3,       // the primary has no such name
};
struct FaultyName {
  NameFault fault = NameFault::missing;
  std::string name;
  friend bool operator==(const FaultyName&, const FaultyName&) = default;
};
struct NamesAnswer {
  std::uint64_t count = 0;  // of all; the answer holds the first of them
  std::vector<FaultyName> first;
  friend bool operator==(const NamesAnswer&, const NamesAnswer&) = default;
};

/// What of a file's attributes differs, a bit each.
enum EntryFault : std::uint8_t {  // on the wire: do not renumber
  fault_missing = 1,
  fault_kind = 2,
  fault_owner = 4,
  fault_mode = 8,
  fault_size = 16,
  fault_links = 32,
  fault_xattrs = 64,
};

Packer pack(const VerifiedNames& value);
Packer pack(const NamesAnswer& value);
std::optional<VerifiedNames> unpack_verified_names(std::span<const std::byte> bytes);
std::optional<NamesAnswer> unpack_names_answer(std::span<const std::byte> bytes);

/// "mode and owner", for the operator.
std::string text_of_entry_faults(std::uint8_t faults);

}  // namespace clusteragent::filesync
