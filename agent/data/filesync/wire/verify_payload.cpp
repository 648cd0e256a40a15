#include "agent/data/filesync/wire/verify_payload.hpp"

#include <array>
#include <utility>

#include "agent/data/filesync/wire/payload.hpp"

namespace clusteragent::filesync {

Packer pack(const VerifiedNames& value) {
  Packer to;
  for (const VerifiedName& each : value) to.number(each.file.value()).text(each.name);
  return to;
}

Packer pack(const NamesAnswer& value) {
  Packer to;
  to.number(value.count);
  for (const FaultyName& each : value.first) to.number(static_cast<std::uint8_t>(each.fault)).text(each.name);
  return to;
}

std::optional<VerifiedNames> unpack_verified_names(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  VerifiedNames names;
  while (!from.is_empty()) {
    const FileId file{from.number<std::uint64_t>()};
    names.push_back({from.text(), file});
    if (!is_file_name(names.back().name)) return std::nullopt;
  }
  return from.is_complete() ? std::optional{std::move(names)} : std::nullopt;
}

std::optional<NamesAnswer> unpack_names_answer(std::span<const std::byte> bytes) {
  Unpacker from{bytes};
  NamesAnswer answer;
  answer.count = from.number<std::uint64_t>();
  while (!from.is_empty()) {
    const auto fault = from.number<std::uint8_t>();
    std::string name = from.text();
    const bool is_known =
        fault >= static_cast<std::uint8_t>(NameFault::missing) && fault <= static_cast<std::uint8_t>(NameFault::extra);
    if (!is_known || !is_file_name(name)) return std::nullopt;
    answer.first.push_back({static_cast<NameFault>(fault), std::move(name)});
  }
  return from.is_complete() && answer.count >= answer.first.size() ? std::optional{std::move(answer)} : std::nullopt;
}

std::string text_of_entry_faults(std::uint8_t faults) {
  constexpr std::array words{std::pair{fault_missing, "missing"},
                             std::pair{fault_kind, "kind"},
                             std::pair{fault_owner, "owner"},
                             std::pair{fault_mode, "mode"},
                             std::pair{fault_size, "size"},
                             std::pair{fault_links, "link count"},
                             std::pair{fault_xattrs, "extended attributes"}};
  std::string text;
  for (const auto& [fault, word] : words) {
    if ((faults & fault) != 0) text += (text.empty() ? "" : ", ") + std::string{word};
  }
  return text;
}

}  // namespace clusteragent::filesync
