#pragma once
// The payloads that are more than bytes. Values; no I/O. A reader returns nothing for what is malformed: a name with a
// slash or zero in it, or one that leads out of its folder, is malformed as well.
#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/filesync/ledger/history.hpp"
#include "agent/data/filesync/wire/operation.hpp"
#include "agent/data/filesync/wire/packer.hpp"

namespace clusteragent::filesync {

struct Hello {
  std::uint16_t version = protocol_version;
  std::string module;
  std::string node;
  std::uint64_t epoch = 0;
  Standing standing{};
  std::string directories;  // in words, of both nodes the same
  friend bool operator==(const Hello&, const Hello&) = default;
};

struct NewFile {
  std::string name;
  mode_t mode = 0;  // with its type
  uid_t owner = 0;
  gid_t group = 0;
  dev_t device = 0;
  std::string target;  // of a symbolic link
  friend bool operator==(const NewFile&, const NewFile&) = default;
};

struct Times {
  timespec accessed{};
  timespec modified{};
};
inline bool operator==(const Times& a, const Times& b) {
  return a.accessed.tv_sec == b.accessed.tv_sec && a.accessed.tv_nsec == b.accessed.tv_nsec &&
         a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec;
}

struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<std::pair<uid_t, gid_t>> owner;
  std::optional<Times> times;
  friend bool operator==(const AttributeChange&, const AttributeChange&) = default;
};

struct ManifestEntry {
  FileId folder{};
  FileId file{};
  NewFile made;
  std::uint64_t size = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool is_certain = false;  // travels in the frame's head
  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

/// A file of which the replica knows more than that it is where the primary looks for it.
struct Doubt {
  static constexpr std::uint64_t whole = ~std::uint64_t{0};
  FileId file{};
  std::uint64_t extent = whole;
  friend bool operator==(const Doubt&, const Doubt&) = default;
};
using Doubts = std::vector<Doubt>;

bool is_file_name(const std::string& name);

Packer pack(const Hello& value);
Packer pack(const NewFile& value);
Packer pack(const AttributeChange& value);
Packer pack(const ManifestEntry& value);
Packer pack(std::span<const Doubt> doubts);
Packer pack_names(const std::string& first, const std::string& second);
Packer pack_name(const std::string& name);

std::optional<Hello> unpack_hello(std::span<const std::byte> bytes);
std::optional<NewFile> unpack_new_file(std::span<const std::byte> bytes);
std::optional<NewFile> unpack_unnamed_file(std::span<const std::byte> bytes);
std::optional<AttributeChange> unpack_attributes(std::span<const std::byte> bytes);
std::optional<ManifestEntry> unpack_manifest_entry(std::span<const std::byte> bytes);
std::optional<Doubts> unpack_doubts(std::span<const std::byte> bytes);
std::optional<std::pair<std::string, std::string>> unpack_names(std::span<const std::byte> bytes);
std::optional<std::string> unpack_name(std::span<const std::byte> bytes);

}  // namespace clusteragent::filesync
