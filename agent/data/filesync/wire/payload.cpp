#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {
namespace {

constexpr std::uint8_t has_mode = 1;
constexpr std::uint8_t has_owner = 2;
constexpr std::uint8_t has_times = 4;

void put(Packer& to, const NewFile& value) {
  to.text(value.name)
      .number(std::uint32_t{value.mode})
      .number(std::uint32_t{value.owner})
      .number(std::uint32_t{value.group})
      .number(std::uint64_t{value.device})
      .text(value.target);
}

NewFile take_new_file(Unpacker& from) {
  NewFile value;
  value.name = from.text();
  value.mode = from.number<std::uint32_t>();
  value.owner = from.number<std::uint32_t>();
  value.group = from.number<std::uint32_t>();
  value.device = from.number<std::uint64_t>();
  value.target = from.text();
  return value;
}

void put(Packer& to, const HistoryId& value) {
  to.number(value.high).number(value.low);
}

HistoryId take_history(Unpacker& from) {
  const auto high = from.number<std::uint64_t>();
  return {high, from.number<std::uint64_t>()};
}

void put(Packer& to, const timespec& time) {
  to.number(std::int64_t{time.tv_sec}).number(std::int64_t{time.tv_nsec});
}

timespec take_time(Unpacker& from) {
  timespec time{};
  time.tv_sec = from.number<std::int64_t>();
  time.tv_nsec = from.number<std::int64_t>();
  return time;
}

}  // namespace

bool is_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Packer pack(const Hello& value) {
  Packer to;
  to.number(value.version).text(value.module).text(value.node).number(value.epoch);
  to.number(std::uint8_t{value.standing.has_led});
  put(to, value.standing.history);
  put(to, value.standing.parent);
  to.text(value.directories);
  return to;
}

Packer pack(const NewFile& value) {
  Packer to;
  put(to, value);
  return to;
}

Packer pack(const AttributeChange& value) {
  Packer to;
  to.number(static_cast<std::uint8_t>((value.mode ? has_mode : 0) | (value.owner ? has_owner : 0) |
                                      (value.times ? has_times : 0)));
  if (value.mode) to.number(std::uint32_t{*value.mode});
  if (value.owner) to.number(std::uint32_t{value.owner->first}).number(std::uint32_t{value.owner->second});
  if (value.times) {
    put(to, value.times->accessed);
    put(to, value.times->modified);
  }
  return to;
}

Packer pack(const ManifestEntry& value) {
  Packer to;
  to.number(value.folder.value()).number(value.file.value());
  put(to, value.made);
  to.number(value.size).number(static_cast<std::uint32_t>(value.xattrs.size()));
  for (const auto& [name, content] : value.xattrs) to.text(name).text(content);
  return to;
}

Packer pack(std::span<const Doubt> doubts) {
  Packer to;
  for (const Doubt& each : doubts) to.number(each.file.value()).number(each.extent);
  return to;
}

Packer pack_names(const std::string& first, const std::string& second) {
  Packer to;
  to.text(first).text(second);
  return to;
}

Packer pack_name(const std::string& name) {
  Packer to;
  to.text(name);
  return to;
}

std::optional<Hello> unpack_hello(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(Hello::version)) return std::nullopt;
  Unpacker from{bytes};
  Hello value;
  value.version = from.number<std::uint16_t>();
  // What another version says after this is for it to know.
  if (value.version != protocol_version) return value;
  value.module = from.text();
  value.node = from.text();
  value.epoch = from.number<std::uint64_t>();
  value.standing.has_led = from.number<std::uint8_t>() != 0;
  value.standing.history = take_history(from);
  value.standing.parent = take_history(from);
  value.directories = from.text();
  return from.is_complete() ? std::optional{value} : std::nullopt;
}

std::optional<NewFile> unpack_new_file(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  NewFile value = take_new_file(from);
  return from.is_complete() && is_file_name(value.name) ? std::optional{std::move(value)} : std::nullopt;
}

std::optional<NewFile> unpack_unnamed_file(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  NewFile value = take_new_file(from);
  return from.is_complete() && value.name.empty() ? std::optional{std::move(value)} : std::nullopt;
}

std::optional<AttributeChange> unpack_attributes(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  AttributeChange value;
  const auto has = from.number<std::uint8_t>();
  if ((has & has_mode) != 0) value.mode = from.number<std::uint32_t>();
  if ((has & has_owner) != 0) {
    const auto owner = from.number<std::uint32_t>();
    value.owner = {owner, from.number<std::uint32_t>()};
  }
  if ((has & has_times) != 0) {
    const timespec accessed = take_time(from);
    value.times = Times{accessed, take_time(from)};
  }
  return from.is_complete() ? std::optional{value} : std::nullopt;
}

std::optional<ManifestEntry> unpack_manifest_entry(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  ManifestEntry value;
  value.folder = FileId{from.number<std::uint64_t>()};
  value.file = FileId{from.number<std::uint64_t>()};
  value.made = take_new_file(from);
  value.size = from.number<std::uint64_t>();
  const auto count = from.number<std::uint32_t>();
  for (std::uint32_t at = 0; at < count && !from.is_empty(); ++at) {
    std::string name = from.text();
    value.xattrs.emplace_back(std::move(name), from.text());
  }
  // The root alone has no name.
  const bool is_named = is_root(value.file) ? value.made.name.empty() : is_file_name(value.made.name);
  return from.is_complete() && value.xattrs.size() == count && is_named ? std::optional{std::move(value)}
                                                                        : std::nullopt;
}

std::optional<Doubts> unpack_doubts(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  Doubts doubts;
  while (!from.is_empty()) {
    const FileId file{from.number<std::uint64_t>()};
    doubts.push_back({file, from.number<std::uint64_t>()});
  }
  return from.is_complete() ? std::optional{std::move(doubts)} : std::nullopt;
}

std::optional<std::pair<std::string, std::string>> unpack_names(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  std::string first = from.text();
  std::string second = from.text();
  if (!from.is_complete()) return std::nullopt;
  return std::pair{std::move(first), std::move(second)};
}

std::optional<std::string> unpack_name(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  std::string name = from.text();
  return from.is_complete() && !name.empty() ? std::optional{std::move(name)} : std::nullopt;
}

}  // namespace clusteragent::filesync
